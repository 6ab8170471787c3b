export { type DatabaseName, databases, describeDatabases, type OpenOptions, type TestDatabase } from './databases.js';
export { startProxy, type TcpProxy } from './proxy.js';
