export type { StoreArguments } from './arguments.js';
export { type ConnectPgSimpleOptions, connectPgSimple } from './connect-pg-simple.js';
export { type ConnectSessionKnexOptions, connectSessionKnex } from './connect-session-knex.js';
export { type ConnectSessionKyselyOptions, connectSessionKysely } from './connect-session-kysely.js';
export { type ExpressMysqlSessionOptions, expressMysqlSession } from './express-mysql-session.js';
export { inspectSessionTable, type TableInspection } from './inspect.js';
export {
  type ColumnTypeSpelling,
  type InOurWords,
  type KnexSchemaFieldShape,
  type KnexSchemaSessionStoreOptions,
  knexSchemaSessionStore,
} from './knex-schema-session-store.js';
export { type KoaGenericSessionKnexOptions, koaGenericSessionKnex } from './koa-generic-session-knex.js';
export { type SequelizeSessionStoreOptions, sequelizeSessionStore } from './sequelize-session-store.js';
