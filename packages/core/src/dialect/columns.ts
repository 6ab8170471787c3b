import type { Knex } from 'knex';
import type { Field } from '../layout.js';
import type { ColumnType } from '../types.js';
import type { ColumnInfo, ColumnNeed, ColumnRole, Unfit } from './dialect.js';

/** Types that hold text which must compare byte for byte. */
export const TEXT_TYPES: ReadonlySet<ColumnType> = new Set(['string', 'text', 'enum']);

/** Types of whole numbers that every driver gives exactly. */
export const WHOLE_TYPES: ReadonlySet<ColumnType> = new Set(['integer', 'tinyint', 'smallint', 'mediumint']);

/** Types of numbers, which may have more than one text. */
export const NUMBER_TYPES: ReadonlySet<ColumnType> = new Set<ColumnType>([
  ...WHOLE_TYPES,
  'bigInteger',
  'decimal',
  'double',
  'float',
]);

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

/** Whether the column was declared as knex spells an instant without a zone. */
export function givenZoneless([first]: readonly unknown[]): boolean {
  return (
    first === true || (typeof first === 'object' && first !== null && (first as { useTz?: unknown }).useTz === false)
  );
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
  need: ColumnNeed,
  { type, length, decimals }: ColumnInfo,
): Unfit | undefined {
  const family = FAMILY[need.role];
  if (!families[family].test(type)) {
    return { kind: 'type', why: `has the type ${type || 'none'}, which holds no ${family}`, alterable: false };
  }
  if (TEXT_TYPES.has(need.role as ColumnType) && PADDED.has(type)) {
    return { kind: 'type', why: `has the type ${type}, which does not keep spaces at the end`, alterable: true };
  }
  if (length !== null && length < need.length) {
    return { kind: 'size', why: `holds ${length} characters, and needs ${need.length}`, alterable: true };
  }
  if (decimals === null || decimals >= need.decimals) return undefined;
  const of = family === 'instants' ? 'decimals of a second' : 'decimals';
  return { kind: 'size', why: `keeps ${decimals} ${of}, and needs ${need.decimals}`, alterable: true };
}

const PADDED = new Set(['char', 'character', 'nchar', 'bpchar']);

/** What is wrong with a column of sids whose collation takes two of them for the same. */
export function unfitCollation(collation: string, alterable: boolean): Unfit {
  return {
    kind: 'collation',
    why: `has the collation ${collation}, under which two ids can be the same`,
    alterable,
  };
}

type Family =
  | 'text'
  | 'integers'
  | 'numbers'
  | 'doubles'
  | 'booleans'
  | 'instants'
  | 'days'
  | 'times'
  | 'JSON'
  | 'bytes'
  | 'UUIDs';

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
  double: 'doubles',
  float: 'numbers',
  bigInteger: 'integers',
  decimal: 'numbers',
  boolean: 'booleans',
  date: 'days',
  datetime: 'instants',
  timestamp: 'instants',
  json: 'JSON',
  jsonb: 'JSON',
  binary: 'bytes',
};
