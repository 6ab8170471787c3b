export { isKssError, KssError, type KssErrorCode } from './errors.js';
export { KnexSessionStore } from './store.js';
export type {
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
