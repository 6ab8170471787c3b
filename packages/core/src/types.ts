/// <reference lib="esnext.disposable" />
import type { Knex } from 'knex';

/** A session as code without types sees it. */
export type SessionData = Record<string, unknown>;

/** What a session holds in a schema column, by the knex type of the column. */
export interface ColumnTypes {
  string: string;
  text: string;
  enum: string;
  /** In lower case. */
  uuid: string;
  /** `'HH:MM:SS'` */
  time: string;
  integer: number;
  tinyint: number;
  smallint: number;
  mediumint: number;
  double: number;
  /** Columns round it, so the session's own value stays in the JSON and the column is for searching. */
  float: number;
  /** A number where that is exact, else a decimal string. */
  bigInteger: number | string;
  /** With as many decimals as the column has, such as `'12.50'`. */
  decimal: string;
  boolean: boolean;
  /** `'YYYY-MM-DD'` */
  date: string;
  datetime: Date;
  timestamp: Date;
  json: unknown;
  jsonb: unknown;
  binary: Buffer;
}

/** The knex column types that a schema column can have. */
export type ColumnType = keyof ColumnTypes;

/** What the types of a store are inferred from. */
export interface FieldShape {
  readonly name: string;
  readonly type: ColumnType;
  readonly from?: string | ((session: SessionData) => unknown);
}

/** A session key that has a real column. */
export interface SchemaField extends FieldShape {
  /** The session key, and the column's name. */
  readonly name: string;
  /** The knex column type. */
  readonly type: ColumnType;
  /** Arguments of the knex column type after the name, such as `[100]` for a string of 100 characters. */
  readonly args?: readonly unknown[];
  /** Called with the column's builder while the table is made, or while the statement that adds the column is. Keep the column nullable: an anonymous session has no `user_id`. */
  readonly extra?: (column: Knex.ColumnBuilder) => unknown;
  /**
   * Where the value comes from, if not from the session key of that name: a path such as `'passport.user'`, or a function
   * of the session, called at every save. The value stays in the JSON; the column is an index to search by.
   */
  readonly from?: string | ((session: SessionData) => unknown);
  /** Whether the column gets an index, for `find`, `count` and `destroyWhere`. @default false */
  readonly index?: boolean;
}

/** The value that a column of a field holds in the session. */
export type ColumnValue<F extends FieldShape> = ColumnTypes[F['type']];

type ColumnInput<F extends FieldShape> = F['type'] extends 'datetime' | 'timestamp' ? Date | string : ColumnValue<F>;
type OwnFields<F extends readonly FieldShape[]> = Exclude<F[number], { readonly from: unknown }>;
type SearchFields<F extends readonly FieldShape[]> = Exclude<F[number], { readonly type: 'json' | 'jsonb' }>;

/** A session as it is read: schema columns by their types, everything else unknown. */
export type Session<F extends readonly FieldShape[] = readonly []> = {
  [K in OwnFields<F> as K['name']]?: ColumnValue<K> | null;
} & SessionData;

type InputColumns<F extends readonly FieldShape[]> = {
  readonly [K in OwnFields<F> as K['name']]?: ColumnInput<K> | null | undefined;
};

/** A session as it is saved: any object (an interface or a literal), whose schema columns have the right types. */
export type SessionInput<F extends readonly FieldShape[] = readonly []> =
  | (object & InputColumns<F>)
  | (SessionData & InputColumns<F>);

/** The schema columns of a session in a list. */
export type SessionColumns<F extends readonly FieldShape[] = readonly []> = {
  [K in F[number] as K['name']]: ColumnValue<K> | null;
};

/** One session in a list: everything but its sid, which is a credential. */
export interface SessionInfo<F extends readonly FieldShape[] = readonly []> {
  /** The session's public name, for pages and APIs. */
  readonly handle: string;
  /** Whether it is the session whose sid was given as `current`. */
  readonly current: boolean;
  readonly expiresAt: Date;
  /** With the option `timestamps`. */
  readonly createdAt?: Date;
  /** With the option `timestamps`: the last save or touch. */
  readonly updatedAt?: Date;
  readonly columns: SessionColumns<F>;
  /** The session itself, where `data: true` asked for it and it could be read. */
  readonly data?: Session<F>;
}

/**
 * Which live sessions are meant: a record of schema columns (a value, an array for any of, `null` for none), or a
 * callback that gets the knex builder and narrows them further.
 */
export type Where<F extends readonly FieldShape[] = readonly []> =
  | { readonly [K in SearchFields<F> as K['name']]?: ColumnInput<K> | null | readonly (ColumnInput<K> | null)[] }
  | ((query: Knex.QueryBuilder) => unknown);

/** How a list of sessions is made. */
export interface FindOptions<F extends readonly FieldShape[] = readonly []> {
  /** The sid of the session that asks; its entry says `current: true`. */
  readonly current?: string | undefined;
  /** How many at the most. `Infinity` for all. @default 100 */
  readonly limit?: number;
  /** @default the newest first: by creation with the option `timestamps`, else by expiry */
  readonly orderBy?: {
    readonly column: 'expiresAt' | 'createdAt' | 'updatedAt' | SearchFields<F>['name'];
    readonly direction?: 'asc' | 'desc';
  };
  /** Whether each entry carries the session itself. @default false */
  readonly data?: boolean;
}

/** What `destroyWhere` spares, or picks. */
export interface DestroyWhereOptions {
  /** The sid of a session to spare. */
  readonly except?: string;
  /** The handle of the one session to end. */
  readonly handle?: string;
  /** A transaction of the app's to run in; the call then bypasses the store's own connections and retries. */
  readonly trx?: Knex.Transaction;
}

/**
 * What was read, for a later `update`. It lives in the process: do not store it.
 *
 * The mark exists for the compiler only. It is no symbol: the ESM and the CommonJS declarations would each have their own.
 */
export interface Revision {
  readonly ' opaque': 'Revision';
}

/** A session together with the revision that `update` asks for. */
export interface Loaded<F extends readonly FieldShape[] = readonly []> {
  readonly session: Session<F>;
  readonly revision: Revision;
}

/** How a row that cannot be read counts. */
export interface ReadOptions {
  /**
   * `'gone'` where a miss leads to a new sid, `'reject'` (UNREADABLE_ROW) where the sid survives a miss and the row would
   * be overwritten. Either way `onError` hears of it. @default 'gone'
   */
  readonly unreadable?: 'gone' | 'reject';
}

/** How a loaded session is saved. */
export interface UpdateOptions<MaxAge = number | undefined> {
  /** Milliseconds that it may live on; see the lifetime rule. */
  readonly maxAge?: MaxAge;
  /** From `load`, `set` or an earlier `update`. Without it, whatever session lives under the sid is overwritten. */
  readonly revision?: Revision | undefined;
}

/**
 * The store as an adapter sees it. It is an interface on purpose: the ESM and the CommonJS declarations of a class with
 * private members do not match, and an adapter must take either.
 */
export interface SessionStore {
  load(sid: string, options?: ReadOptions): Promise<{ session: SessionData; revision: Revision } | null>;
  set(sid: string, session: object, maxAge?: unknown): Promise<Revision>;
  update(sid: string, session: object, options?: UpdateOptions<unknown>): Promise<Revision | null>;
  touch(sid: string, maxAge?: unknown, cookie?: object): Promise<boolean>;
  destroy(sid: string): Promise<void>;
  find(
    where: 'all',
    options?: { readonly data?: boolean; readonly limit?: number },
  ): Promise<{ readonly data?: SessionData }[]>;
  count(where: 'all'): Promise<number>;
  clear(): Promise<number>;
  report(error: unknown): void;
}

/** The layouts of other stores' tables, by the names of their packages. */
export type LayoutName =
  | 'knex-schema-session-store'
  | 'connect-session-knex'
  | 'koa-generic-session-knex'
  | 'connect-session-kysely'
  | 'connect-session-kysely-utc'
  | 'sequelize-session-store'
  | 'connect-pg-simple'
  | 'express-mysql-session';

/** How the JSON text of sessions is written into its column and read from it. */
export interface Codec {
  /** The text to store. `handle` names the session, whatever its key in the table is. */
  encode(json: string, handle: string): string;
  /** The JSON of a stored text; throws where it cannot be had, and the error reaches the caller. */
  decode(stored: string, handle: string): string;
}

/** How calls that arrive together become few statements. */
export interface BatchOption {
  /** Sessions in one statement at most. @default 100 */
  readonly maxSize?: number;
  /** Statements at once, all kinds together; never more than half of the pool. @default 4 */
  readonly concurrency?: number;
  /**
   * Whether each connection keeps the statements, prepared, under a name, on databases that can. `false` for poolers that hand
   * a connection to others between two statements. @default true
   */
  readonly prepare?: boolean;
}

/** The options of a store. All durations are milliseconds. */
export interface StoreOptions<F extends readonly FieldShape[] = readonly []> {
  /** The table. @default 'sessions' */
  readonly tableName?: string;
  /** The schema that the table is in, on PostgreSQL, CockroachDB or SQL Server. @default the connection's own */
  readonly schemaName?: string;
  /** The column of the sid. @default 'sid' */
  readonly sidName?: string;
  /** The column of the expiry. @default 'expire_at' */
  readonly expireAtName?: string;
  /** The column of the JSON text. @default 'additional' */
  readonly additionalName?: string;
  /** The column of the revision token. @default 'revision' */
  readonly revisionName?: string;
  /** Whether `created_at` and `updated_at` are kept: at insert; at every set, update and touch. @default false */
  readonly timestamps?: boolean;
  /** Whether the table is made if it is missing, and checked if it is there. `false`: no DDL and no check. @default true */
  readonly sync?: boolean;
  /** How long a call waits for that. @default 3000 */
  readonly syncTimeout?: number;
  /**
   * Time between collections of rows that expired ten minutes ago or earlier, varied by half so that processes do not meet; 0: never.
   *
   * @default 3600000
   */
  readonly gcInterval?: number;
  /** Collect after about this many reads as well; 0: never. @default 0 */
  readonly gcFrequency?: number;
  /** Lifetime of a session where neither the call nor its cookie gives one. @default 86400000 */
  readonly maxAge?: number;
  /** The session keys that have a column. @default [] */
  readonly schemas?: {
    readonly [I in keyof F]: F[I] &
      Pick<SchemaField, 'args' | 'extra' | 'from' | 'index'> & {
        readonly [K in Exclude<keyof F[I], keyof SchemaField>]: never;
      };
  };
  /** Deadline of one call, waiting for a connection included. @default 10000 */
  readonly timeout?: number;
  /**
   * A touch that would move the expiry by less than this is not written, in milliseconds; it counts at most half of the session's
   * lifetime, so that a session in use never ends early because of it. @default 0
   */
  readonly touchAfter?: number;
  /**
   * How calls that arrive together go together. `false`: one call, one statement.
   * @default { maxSize: 100, concurrency: 4, prepare: true }
   */
  readonly batch?: BatchOption | false;
  /**
   * What happens when two requests that loaded the same session both save it: `'merge'` keeps the changes of both by top-level key,
   * `'overwrite'` lets the later save win as a whole, `'reject'` fails with CONFLICT. @default 'merge'
   */
  readonly onConflict?: 'merge' | 'overwrite' | 'reject';
  /** How the JSON text is stored, such as {@link encryption}. @default as it is */
  readonly codec?: Codec;
  /**
   * Whether only digests of sids are kept, so that a table that is read by others opens no session. Rows that are there are upgraded
   * when they are used; instances with `false` do not find upgraded rows, so switch it on after a rollout. @default false
   */
  readonly hashSid?: boolean;
  /**
   * Bytes of JSON text that a session may have; a larger one is TOO_LARGE. What the database takes in one statement is for it to say,
   * `max_allowed_packet` on MySQL and MariaDB. While sessions of 128 Mi characters together wait to be saved, further ones are
   * OVERLOADED; one of them counts as 64 Mi at the most, so that any size is taken. @default 16777216
   */
  readonly maxSessionBytes?: number;
  /** Hears of errors that no caller waits for. @default logs each cause once */
  readonly onError?: (error: Error) => void;
  /**
   * The store whose table it is; the functions of `@kss/core/takeover` say it. The names of the columns are then the other store's,
   * unless they are given. @default a table of our own
   */
  readonly layout?: LayoutName;
  /**
   * Whether another store's JSON loses what schema columns hold. Until then that store reads our sessions too, and the way back
   * to it is open; instances of it, and of ours with `false`, must be gone before. @default false
   */
  readonly split?: boolean;
  /** The SQLite file, where the store is given no knex. @default 'sessions.sqlite' */
  readonly filename?: string;
}
