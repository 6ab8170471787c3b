export { type BackfillOptions, type BackfillProgress, backfill } from './backfill.js';
export { type EncryptionOptions, encryption } from './encryption.js';
export { isKssError, KssError, type KssErrorCode } from './errors.js';
export { addColumnsMigration, type Migration, migration } from './migration.js';
export { sqliteClient } from './node-sqlite.js';
export { type DatabaseName, sessionTableSql } from './offline.js';
export { createSessionTable, dropSessionTable, verifySessionTable } from './session-table.js';
export { KnexSessionStore } from './store.js';
export type { TableProblem } from './table-check.js';
export type {
  BatchOption,
  Codec,
  ColumnType,
  ColumnTypes,
  ColumnValue,
  DestroyWhereOptions,
  FieldShape,
  FindOptions,
  Loaded,
  ReadOptions,
  Revision,
  SchemaField,
  Session,
  SessionColumns,
  SessionData,
  SessionInfo,
  SessionInput,
  SessionStore,
  StoreOptions,
  UpdateOptions,
  Where,
} from './types.js';
