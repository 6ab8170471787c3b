declare module 'connect-pg-simple' {
  import type session from 'express-session';
  import type { Pool } from 'pg';

  interface PgStoreOptions {
    pool: Pool;
    tableName: string;
    createTableIfMissing: boolean;
    pruneSessionInterval: false;
    errorLog(...values: unknown[]): void;
  }
  interface PgStore extends session.Store {
    close(): Promise<void>;
  }
  export default function connectPgSimple(express: typeof session): new (options: PgStoreOptions) => PgStore;
}

declare module 'express-mysql-session' {
  import type session from 'express-session';
  import type { Pool } from 'mysql2/promise';

  interface MySqlStoreOptions {
    clearExpired: boolean;
    createDatabaseTable: boolean;
    expiration: number;
    schema: { tableName: string };
  }
  interface MySqlStore extends session.Store {
    onReady(): Promise<void>;
    close(): Promise<void>;
  }
  export default function mySqlSession(
    express: typeof session,
  ): new (
    options: MySqlStoreOptions,
    pool: Pool,
  ) => MySqlStore;
}

declare module 'better-sqlite3' {
  interface Statement {
    get(...values: unknown[]): unknown;
    run(...values: unknown[]): unknown;
  }
  export default class Database {
    constructor(filename: string);
    pragma(text: string): unknown;
    exec(sql: string): this;
    prepare(sql: string): Statement;
    close(): this;
  }
}
