export type { DatabaseName, OpenOptions, TestDatabase } from './database.js';
export { databases } from './databases.js';
export { describeDatabases } from './describe.js';
export { startProxy, type TcpProxy } from './proxy.js';
