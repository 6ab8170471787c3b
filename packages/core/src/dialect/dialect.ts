import type { Knex } from 'knex';
import type { Field, Layout } from '../layout.js';
import type { ColumnType } from '../types.js';

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
  /** The table, or one of its indexes, is there already. */
  | 'exists'
  | 'other';

/** A driver's error, read. */
export interface Failure {
  readonly kind: FailureKind;
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
  readonly collation: string | null;
  /** Whether an index makes its values unique. */
  readonly unique: boolean;
}

/** Why a column that is there cannot serve. */
export interface Unfit {
  readonly why: string;
  /** Whether an ALTER of the column mends it; values of another family cannot be converted. */
  readonly alterable: boolean;
}

/** What a column is for: one of our own, or a schema column of a type. */
export type ColumnRole = 'sid' | 'expireAt' | 'revision' | 'additional' | 'stamp' | ColumnType;

/** SQL with its bindings, in knex's spelling (`?`). */
export interface Sql {
  readonly sql: string;
  readonly bindings: readonly unknown[];
}

/**
 * The statements of the verbs for one row, compiled once for a store. Their bindings stand in one order on every database:
 *
 * - read: key, now
 * - upsert: the row's values, now, and now again where the layout has timestamps
 * - update: the changed values, the new token's random part, key, now, lowest and highest token
 * - replaceText: the text's values, the new token's random part, key, now, lowest and highest token
 * - touch: the touched values, key, now
 * - remove: key
 */
export interface Statements {
  readonly read: string;
  readonly upsert: string;
  readonly update: string;
  readonly replaceText: string;
  readonly touch: string;
  readonly remove: string;
}

/** All that is particular to one database: facts and verbs. Nothing outside this folder names a database. */
export interface Dialect {
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

  /** Compiles the statements. `quote` quotes an identifier. */
  statements(layout: Layout, table: string, quote: Quote): Statements;
  /** The rows of a raw query's result. */
  rows(result: unknown): readonly Record<string, unknown>[];
  /** How many rows a raw statement reached. */
  affected(result: unknown): number;
  /** The token in the row after an upsert that sent one: another where the row was live before. */
  upsertedToken(result: unknown, sent: number): number;
  /** The token in the row after an update; undefined where no row was reached. */
  updatedToken(result: unknown): number | undefined;

  /** A column in a select, so that its value arrives in a form that no driver setting or time zone bends. */
  readColumn(type: ColumnType, column: string): string;
  /** A value as the driver takes it. */
  bindValue(type: ColumnType, value: unknown): unknown;
  /** `column = value`, byte for byte for text whatever the column's collation is. */
  equals(type: ColumnType, column: string, value: unknown): Sql;
  /** Why a column cannot hold a value that its type allows elsewhere; `args` are those of the knex column type. */
  refuse?(type: ColumnType, args: readonly unknown[], value: unknown): string | undefined;
  /** Deletes at most `limit` rows that expired at `now` or before. */
  deleteExpired(layout: Layout, table: string, quote: Quote, now: number, limit: number): Sql;

  /** Settings of the connection's server that the DDL depends on. */
  inspect?(knex: Knex): Promise<DdlFacts>;
  /** Makes a column of our own. */
  ownColumn(
    table: Knex.CreateTableBuilder,
    role: 'sid' | 'additional',
    name: string,
    facts: DdlFacts,
  ): Knex.ColumnBuilder;
  /** Makes a schema column, before `extra` sees it. */
  schemaColumn(table: Knex.CreateTableBuilder, field: Field, facts: DdlFacts): Knex.ColumnBuilder;
  /** The columns of the table; empty where there is no such table. */
  describe(knex: Knex, table: TableName): Promise<readonly ColumnInfo[]>;
  /** Why a column that is there cannot serve, or undefined where it can. `least`: the characters that it must hold. */
  unfit(role: ColumnRole, column: ColumnInfo, least: number): Unfit | undefined;

  /** What an error of the driver means. */
  failure(error: unknown): Failure;
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

/** Types that hold text which must compare byte for byte. */
export const TEXT_TYPES: ReadonlySet<ColumnType> = new Set(['string', 'text', 'enum']);

/** Why a column that keeps so many decimals of a second cannot hold a Date. */
export function unfitPrecision(precision: number, value: unknown): string | undefined {
  return value instanceof Date && value.getTime() % 10 ** Math.max(0, 3 - precision) !== 0
    ? `has milliseconds, and the column keeps ${precision} decimals of a second`
    : undefined;
}

/** The precision in knex's `{ precision }` or at a position, where it is given. */
export function givenPrecision(args: readonly unknown[], position: number): number | undefined {
  const [first] = args;
  const given =
    typeof first === 'object' && first !== null ? (first as { precision?: unknown }).precision : args[position];
  return typeof given === 'number' ? given : undefined;
}

/** What knex makes of the column, like the predecessor: `table[type](name, ...args)`. */
export function plainColumn(table: Knex.CreateTableBuilder, { type, name, args }: Field): Knex.ColumnBuilder {
  const make = table[type] as (
    this: Knex.CreateTableBuilder,
    name: string,
    ...args: readonly unknown[]
  ) => Knex.ColumnBuilder;
  return make.call(table, name, ...args);
}

/** What is wrong with a column on every database: a type of another family, or too short. */
export function unfitColumn(
  families: Families,
  role: ColumnRole,
  { type, length }: ColumnInfo,
  least: number,
): Unfit | undefined {
  const family = FAMILY[role];
  if (!families[family].test(type)) {
    return { why: `has the type ${type || 'none'}, which holds no ${family}`, alterable: false };
  }
  if (length === null || length >= least) return undefined;
  return { why: `holds ${length} characters, and needs ${least}`, alterable: true };
}

type Family = 'text' | 'integers' | 'numbers' | 'booleans' | 'instants' | 'days' | 'times' | 'JSON' | 'bytes' | 'UUIDs';

/** Type names of a database, by what they hold. */
export type Families = Readonly<Record<Family, RegExp>>;

const FAMILY: Readonly<Record<ColumnRole, Family>> = {
  sid: 'text',
  additional: 'text',
  expireAt: 'integers',
  revision: 'integers',
  stamp: 'integers',
  string: 'text',
  text: 'text',
  enum: 'text',
  uuid: 'UUIDs',
  time: 'times',
  integer: 'numbers',
  tinyint: 'numbers',
  smallint: 'numbers',
  mediumint: 'numbers',
  double: 'numbers',
  float: 'numbers',
  bigInteger: 'numbers',
  decimal: 'numbers',
  boolean: 'booleans',
  date: 'days',
  datetime: 'instants',
  timestamp: 'instants',
  json: 'JSON',
  jsonb: 'JSON',
  binary: 'bytes',
};

/** The `code` of a driver's error, whatever its type. */
export function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null | undefined)?.code ?? '');
}

const BROKEN_CODES = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  'ETIMEDOUT',
  'ENOTCONN',
  'EHOSTUNREACH',
  'ENETRESET',
]);
const BROKEN_MESSAGE =
  /connection (terminated|lost|ended|reset|is closed|was closed)|closed state|not queryable|socket has been ended/i;

/** Whether an established connection broke, as sockets and drivers say it. */
export function connectionBroke(error: unknown): boolean {
  return BROKEN_CODES.has(codeOf(error)) || (error instanceof Error && BROKEN_MESSAGE.test(error.message));
}
