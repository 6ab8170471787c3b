import { LAST_INSTANT } from './expiry.js';
import {
  type ExpiryForm,
  FOREIGN_LAYOUTS,
  type ForeignLayout,
  MILLISECONDS,
  type TextForm,
} from './foreign-layouts.js';
import type { ResolvedOptions } from './options.js';
import type { Codec, ColumnType, SchemaField, SessionData } from './types.js';

/** A session key that has a column. */
export interface Field {
  readonly name: string;
  readonly type: ColumnType;
  readonly args: readonly unknown[];
  readonly index: boolean;
  /** The value for the column, out of a session. */
  readonly pick: (session: SessionData) => unknown;
  /** Whether the value comes from elsewhere in the session. */
  readonly derived: boolean;
  /** Whether the column alone holds the value. If not, it stays in the JSON and the column is for searching. */
  readonly owned: boolean;
}

/** Where everything stands in the table. */
export interface Layout {
  readonly table: string;
  readonly schema: string | undefined;
  /** Whose table it is, where another store made it. */
  readonly foreign: (ForeignLayout & { readonly name: string }) | undefined;
  readonly sid: string;
  /** Characters that the sid column holds. */
  readonly sidWidth: number;
  readonly expireAt: string;
  readonly expiry: ExpiryForm;
  /** Undefined in the table of another store, which has none: there the content is compared instead. */
  readonly revision: string | undefined;
  readonly additional: string;
  readonly text: TextForm;
  /** How the JSON text is written; undefined for as it is. */
  readonly codec: Codec | undefined;
  /** Bytes of JSON text that a session may have. */
  readonly maxBytes: number;
  readonly createdAt: string | undefined;
  readonly updatedAt: string | undefined;
  readonly fields: readonly Field[];
  /** Those of them whose columns a read of a session needs. */
  readonly owned: readonly Field[];
  /** Those whose values stand in the JSON alone and are no JSON values, where it keeps what columns would. */
  readonly revived: readonly Field[];
}

const NO_JSON: ReadonlySet<ColumnType> = new Set(['datetime', 'timestamp', 'binary']);
const NONE: readonly Field[] = Object.freeze([]);

/**
 * The layout that the options mean. In the tables that we make, instants are epoch milliseconds in bigint columns, which no time
 * zone can bend.
 */
export function layoutOf(options: ResolvedOptions): Layout {
  const foreign = options.layout === undefined ? undefined : FOREIGN_LAYOUTS[options.layout];
  const keepsAll = foreign?.whole === true && !options.split;
  const fields = options.schemas.map((field) => fieldOf(field, keepsAll));
  return Object.freeze({
    table: options.tableName,
    schema: options.schemaName,
    foreign: foreign && { ...foreign, name: String(options.layout) },
    sid: options.sidName,
    sidWidth: foreign?.sidWidth ?? 255,
    expireAt: options.expireAtName,
    expiry: foreign?.expiry ?? MILLISECONDS,
    revision: foreign === undefined ? options.revisionName : undefined,
    additional: options.additionalName,
    text: foreign?.text ?? 'text',
    codec: options.codec,
    maxBytes: options.maxSessionBytes,
    createdAt: options.timestamps ? 'created_at' : undefined,
    updatedAt: options.timestamps ? 'updated_at' : undefined,
    fields,
    owned: fields.filter((field) => field.owned),
    revived: keepsAll ? fields.filter(({ type, derived }) => NO_JSON.has(type) && !derived) : NONE,
  });
}

/** What a row is written with. */
export interface RowWrite {
  readonly key: string;
  readonly expireAt: number;
  readonly token: number;
  readonly text: string;
  /** One for each field, in the layout's order. */
  readonly values: readonly unknown[];
  readonly now: number;
}

/** What a live row is changed with, where its token is within a range. */
export interface RowUpdate extends RowWrite {
  /** What the row's content is compared with, where the table has no revisions; null for whatever it is. */
  readonly expected: readonly unknown[] | null;
  /** The random part of the new token. */
  readonly random: number;
  readonly lowest: number;
  readonly highest: number;
}

/** What a live row's expiry is moved with. */
export interface RowTouch {
  readonly key: string;
  readonly expireAt: number;
}

/** All columns, in the order in which they stand in a table that we make: on SQLite, what follows a long text is slow to reach. */
export function rowColumns(layout: Layout): string[] {
  return [
    layout.sid,
    layout.expireAt,
    ...(layout.revision === undefined ? [] : [layout.revision]),
    ...stampColumns(layout),
    ...layout.fields.map((f) => f.name),
    layout.additional,
  ];
}

/** The values of a new row, in the order of {@link rowColumns}. */
export function rowValues(layout: Layout, row: RowWrite): unknown[] {
  const stamps = stampColumns(layout).map(() => row.now);
  return layout.revision === undefined
    ? [row.key, row.expireAt, ...stamps, ...row.values, row.text]
    : [row.key, row.expireAt, row.token, ...stamps, ...row.values, row.text];
}

/** What an upsert asks about the row that it meets: whether it lives, once for each column that depends on it. */
export function liveBindings(layout: Layout, now: number): number[] {
  if (layout.createdAt === undefined) return layout.revision === undefined ? [] : [now];
  return layout.revision === undefined ? [now] : [now, now];
}

/** Which row an update is for, and what it must have: the last of its bindings. */
export function guardValues(
  layout: Layout,
  { random, key, now, lowest, highest, expected }: Omit<RowUpdate, keyof RowWrite> & Pick<RowWrite, 'key' | 'now'>,
): unknown[] {
  return layout.revision === undefined ? [key, now, ...(expected ?? [])] : [random, key, now, lowest, highest];
}

/** Columns that every save of a live row sets, without key, revision and creation. */
export function changedColumns(layout: Layout): string[] {
  const columns = [layout.expireAt, ...filledColumns(layout)];
  return layout.updatedAt === undefined ? columns : [layout.updatedAt, ...columns];
}

/** The values of {@link changedColumns}. */
export function changedValues(layout: Layout, row: RowWrite): unknown[] {
  const values = [row.expireAt, ...filledValues(row)];
  return layout.updatedAt === undefined ? values : [row.now, ...values];
}

/** Columns that change where only the text does. */
export function textColumns(layout: Layout): string[] {
  return [...touchedColumns(layout), layout.additional];
}

/** The values of {@link textColumns}. */
export function textValues(layout: Layout, expireAt: number, text: string, now: number): (number | string)[] {
  return [...touchedValues(layout, expireAt, now), text];
}

/** Columns that change where a session moves between its columns and its text, and neither it nor its expiry changes. */
export function filledColumns(layout: Layout): string[] {
  return [...layout.fields.map((f) => f.name), layout.additional];
}

/** The values of {@link filledColumns}. */
export function filledValues({ values, text }: Pick<RowWrite, 'values' | 'text'>): unknown[] {
  return [...values, text];
}

/** Columns that a touch sets. */
export function touchedColumns(layout: Layout): string[] {
  return layout.updatedAt === undefined ? [layout.expireAt] : [layout.expireAt, layout.updatedAt];
}

/** The values of {@link touchedColumns}. */
export function touchedValues(layout: Layout, expireAt: number, now: number): number[] {
  return layout.updatedAt === undefined ? [expireAt] : [expireAt, now];
}

function stampColumns(layout: Layout): string[] {
  return layout.createdAt === undefined || layout.updatedAt === undefined ? [] : [layout.createdAt, layout.updatedAt];
}

/** A select's columns under lower-case letters, which no renaming of the app's (`wrapIdentifier`, `postProcessResponse`) changes. */
export const ALIAS = {
  sid: 's',
  expireAt: 'e',
  revision: 'r',
  additional: 'd',
  createdAt: 'b',
  updatedAt: 'u',
} as const;

/** The alias of the field at an index. */
export function fieldAlias(index: number): string {
  fieldAliases[index] ??= aliasOf(index);
  return fieldAliases[index];
}

const fieldAliases: string[] = []; // asked for each column of each row that is read

function aliasOf(index: number): string {
  return `x${[...String(index)].map((digit) => String.fromCharCode(97 + Number(digit))).join('')}`;
}

/** The key in a column of sids; one of fixed width pads what it holds, and no key ends with a space. */
export function readKey(raw: unknown): string {
  return String(raw).trimEnd();
}

/**
 * An instant column's value, in epoch milliseconds; drivers give a bigint as a number or as text.
 *
 * Another program may have written what no Date holds. What is no number at all stands in a column without a type, which
 * compares it as later than any number.
 */
export function readInstant(raw: unknown): number {
  const ms = Number(raw);
  return Number.isNaN(ms) ? LAST_INSTANT : Math.min(Math.max(ms, -LAST_INSTANT), LAST_INSTANT);
}

/** The token of a row; NULL where another program inserted it into a table that allows that. */
export function readToken(row: Readonly<Record<string, unknown>>): number {
  return Number(row[ALIAS.revision] ?? 0);
}

/** The JSON text of a row, as it is stored. */
export function readText(row: Readonly<Record<string, unknown>>): string | null {
  const text = row[ALIAS.additional];
  return text === null || text === undefined ? null : String(text);
}

function fieldOf({ name, type, args = [], index = false, from }: SchemaField, keepsAll: boolean): Field {
  const derived = from !== undefined;
  const owned = !derived && type !== 'float' && !keepsAll;
  return { name, type, args, index, pick: picker(from ?? [name]), derived, owned };
}

function picker(
  from: string | readonly string[] | ((session: SessionData) => unknown),
): (session: SessionData) => unknown {
  if (typeof from === 'function') return from;
  const path = typeof from === 'string' ? from.split('.') : from;
  return (session) => path.reduce<unknown>(ownValue, session);
}

/** Own keys only: a path such as `constructor.name` finds nothing in a plain session. */
function ownValue(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as SessionData)[key]
    : undefined;
}
