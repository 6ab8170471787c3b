import type { Knex } from 'knex';
import type { Field, Layout, RowTouch, RowUpdate, RowWrite } from '../layout.js';
import type { ColumnType } from '../types.js';
import type { Words } from './forms.js';

/** What a driver's error means to us. */
export type FailureKind =
  /** Another row has the value of a unique index. */
  | 'unique'
  /** The database refused a value. */
  | 'value'
  /** Deadlock, serialization failure, busy: the statement was rolled back, and the same again may succeed. */
  | 'transient'
  /** An established connection broke: the outcome is unknown. */
  | 'broken'
  /** What a connection keeps of a prepared statement, or this process of a column's type, is from before a change of the table. */
  | 'stale'
  /** The table, or one of its indexes, is there already. */
  | 'exists'
  | 'other';

/** A driver's error, read. */
export interface Failure {
  readonly kind: FailureKind;
  /** Whether the server refused the statement, so that its outcome is known although the connection is of no use. */
  readonly refused?: boolean;
  /** The column that a refused value was for, where the driver says it. */
  readonly column?: string | undefined;
}

/** A column of a table that is there. */
export interface ColumnInfo {
  readonly name: string;
  /** The database's name of the type, in lower case and without arguments. */
  readonly type: string;
  /** Characters that it holds; null where it is not limited. */
  readonly length: number | null;
  /** Decimals that it keeps, of a number or of a second; null where it rounds nothing away, or nobody says. */
  readonly decimals: number | null;
  readonly collation: string | null;
  /** Whether an index makes its values unique. */
  readonly unique: boolean;
  /** Whether an index begins with it. */
  readonly indexed: boolean;
}

/** What is wrong with a column that is there. */
export interface Unfit {
  readonly kind: 'type' | 'size' | 'collation' | 'zone';
  readonly why: string;
  /** Whether an ALTER of the column mends it; values of another family cannot be converted. */
  readonly alterable: boolean;
  /** Whether the store works with it all the same. */
  readonly usable?: boolean;
  /** What an ALTER makes of the quoted column, where a cast would make something else of its values. */
  readonly using?: (column: string) => string;
  /** What a person has to do where no ALTER mends it, if it is particular to the database. */
  readonly byHand?: string;
}

/** What a column is for: one of our own, or a schema column of a type. */
export type ColumnRole = 'sid' | 'expireAt' | 'revision' | 'additional' | 'stamp' | ColumnType;

/** What a column must be. */
export interface ColumnNeed {
  readonly role: ColumnRole;
  /** Characters that it must hold. */
  readonly length: number;
  /** Decimals that it must keep, of a number or of a second. */
  readonly decimals: number;
  /** Whether it was declared to have no time zone. */
  readonly zoneless: boolean;
  /** Whether it must have none: what is written there is the wall clock of UTC. */
  readonly utc?: boolean;
  /** What to do where it has no zone, if it must have one. */
  readonly zoned?: string | undefined;
}

/** SQL with its bindings, in knex's spelling (`?`). */
export interface Sql {
  readonly sql: string;
  readonly bindings: readonly unknown[];
}

/**
 * The statements of the verbs for one row, compiled once for a store. Their bindings stand in one order on every database:
 *
 * - read: key, now
 * - upsert: the row's values, and those of `liveBindings`
 * - update: the changed values, and those of `guardValues`
 * - updateAny: in a table without revisions, where update asks for the content: the changed values, key, now
 * - replaceText: the text's values, and those of `guardValues`; of the content it asks for the text alone
 * - fill: the filled values, and those of `guardValues`
 * - touch: the touched values, key, now
 * - touchFar: the touched values, key, now, and two expiries: a row that ends after the first and not after the second stays as it is
 * - remove: key
 */
export interface Statements {
  readonly read: string;
  readonly upsert: string;
  readonly update: string;
  readonly updateAny?: string;
  readonly replaceText: string;
  readonly fill: string;
  readonly touch: string;
  readonly touchFar: string;
  readonly remove: string;
}

/**
 * The statements of the verbs for many rows at once; each key stands in one of them once, and the keys are sorted. A verb that
 * is left out goes one row at a time.
 */
export interface BatchStatements {
  /** The live rows of these keys, each with its key. */
  read(keys: readonly string[], now: number): Sql;
  upsert?(rows: readonly RowWrite[], now: number): Sql;
  update?(rows: readonly RowUpdate[], now: number): Sql;
  touch?(rows: readonly RowTouch[], now: number): Sql;
  remove?(keys: readonly string[]): Sql;
  /** Key and token of the live rows of these keys, where a write's result does not tell them. */
  tokens(keys: readonly string[], now: number): Sql;
}

/** All that is particular to one database: facts and verbs. Nothing outside this folder names a database. */
export interface Dialect extends Words {
  /** Its name, for messages. */
  readonly name: string;
  /** Whether a table can be in a schema of its database. */
  readonly hasSchemas: boolean;
  /** Whether a failed CREATE TABLE leaves nothing behind. */
  readonly transactionalDdl: boolean;
  /** Whether ALTER TABLE can change a column's type. */
  readonly altersColumns: boolean;
  /** Whether the affected rows of an UPDATE count rows that it matched and left as they were. */
  readonly countsMatched: boolean;
  /** Bindings that a statement, or a list in it, can have; Infinity where an array or the text itself takes them. */
  readonly mostBindings: number;
  /** Whether a statement keeps this process from everything else while it runs. */
  readonly blocks?: boolean;
  /** Whether upserts, updates and touches of many rows go in one statement. */
  readonly batchesWrites: boolean;
  /** Rows that one update or touch of many takes, where that is less than `mostBindings` has room for. */
  readonly mostUpdated?: number;

  /** Compiles the statements. `quote` quotes an identifier. */
  statements(layout: Layout, table: string, quote: Quote): Statements;
  /** Compiles the statements for many rows; it may have to ask the database for its types. */
  batches(knex: Knex, layout: Layout, table: string, quote: Quote): BatchStatements | Promise<BatchStatements>;
  /** Key and token of the rows that a batched write reached; undefined where the result does not have them. */
  reached(result: unknown): readonly Record<string, unknown>[] | undefined;
  /** Whether a batched upsert inserted every row that was sent, where {@link reached} does not say it; not asked of one that was sent again. */
  insertedAll?(result: unknown, sent: number): boolean;
  /**
   * Which of the rows that were sent a batched update or touch reached, in their order, where {@link reached} does not say it.
   *
   * @param changed whether every row that was reached was changed, too
   */
  which?(result: unknown, sent: number, changed: boolean): readonly boolean[] | undefined;
  /** A statement of ours as a query, where it is more than `knex.raw` with its text and bindings. */
  query?(knex: Knex, statement: Sql): PromiseLike<unknown>;
  /**
   * What the driver is told beside a statement's text and bindings. Left out where knex's builder does more to these than to pass
   * them on.
   *
   * @param prepare whether a connection may keep the statement, compiled, under a name
   */
  driverOptions?(sql: string, prepare: boolean): Readonly<Record<string, unknown>> | undefined;
  /** The result of a statement that the connection keeps compiled; undefined where its driver leaves that to others. */
  runKept?(connection: unknown, statement: Sql): Promise<unknown> | undefined;
  /** Prepares every statement anew from now on. */
  forgetPrepared?(): void;
  /**
   * Closes a connection whose answer nobody waits for any more, where the driver's own way of ending it would wait for that answer.
   * Left out where the pool's is enough.
   */
  abandon?(connection: unknown): void;
  /** The rows of a raw query's result. */
  rows(result: unknown): readonly Record<string, unknown>[];
  /** How many rows a raw statement reached. */
  affected(result: unknown): number;
  /** The token in the row after an upsert that sent one: another where the row was live before. */
  upsertedToken(result: unknown, sent: number): number;
  /** The token in the row after an update; undefined where no row was reached. */
  updatedToken(result: unknown): number | undefined;

  /** A value as the driver takes it; null where the column cannot tell it from NULL, so that the JSON keeps it. */
  bindValue(type: ColumnType, value: unknown): unknown;
  /** `column = value`, byte for byte for text whatever the column's collation is. */
  equals(type: ColumnType, column: string, value: unknown): Sql;
  /** Why a column cannot hold a value that its type allows elsewhere; `args` are those of the knex column type. */
  refuse?(type: ColumnType, args: readonly unknown[], value: unknown): string | undefined;
  /** Deletes at most `limit` rows that expired at `now` or before. */
  deleteExpired(layout: Layout, table: string, quote: Quote, now: number, limit: number): Sql;

  /**
   * Refuses settings of the connection's server under which values do not reach it as they are. It comes before the first statement,
   * with or without a check of the table. Left out where there are no such settings.
   *
   * @throws KssError UNSUPPORTED_DATABASE
   */
  checkSettings?(knex: Knex): Promise<void>;
  /** Settings of the connection's server that the DDL depends on. */
  inspect?(knex: Knex): Promise<DdlFacts>;
  /** Makes a column of our own. */
  ownColumn(
    table: Knex.CreateTableBuilder,
    role: 'sid' | 'additional',
    name: string,
    facts: DdlFacts,
  ): Knex.ColumnBuilder;
  /** Makes a column of instants as another store has it. */
  instantColumn(table: Knex.CreateTableBuilder, name: string, need: ColumnNeed): Knex.ColumnBuilder;
  /** Makes a schema column, before `extra` sees it. */
  schemaColumn(table: Knex.CreateTableBuilder, field: Field, facts: DdlFacts): Knex.ColumnBuilder;
  /** The columns of the table; empty where there is no such table. */
  describe(knex: Knex, table: TableName): Promise<readonly ColumnInfo[]>;
  /** What is wrong with a column that is there, or undefined where nothing is. */
  unfit(need: ColumnNeed, column: ColumnInfo): Unfit | undefined;

  /** What an error of the driver means. */
  failure(error: unknown): Failure;
  /** A driver's message without the values that it quotes: they are session data, which belongs in no log. */
  withoutValues?(message: string): string;
}

/** A table as the database knows it, after the app's `wrapIdentifier`. */
export interface TableName {
  /** Without quotes and schema. */
  readonly bare: string;
  /** As it stands in SQL. */
  readonly quoted: string;
}

export type Quote = (identifier: string) => string;

/** What a server tells about itself before the table is made. */
export interface DdlFacts {
  /** The collation under which text compares byte for byte, trailing spaces included. */
  readonly binaryCollation?: string;
}
