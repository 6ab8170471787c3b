import { createHash } from 'node:crypto';
import type { Field } from '../layout.js';
import type { ColumnType } from '../types.js';
import {
  type Families,
  givenPrecision,
  NUMBER_TYPES,
  plainColumn,
  TEXT_TYPES,
  unfitCollation,
  unfitColumn,
  unfitPrecision,
} from './columns.js';
import type { ColumnInfo, ColumnNeed, Dialect, Failure, Quote, Unfit } from './dialect.js';
import { codeOf, connectionBroke } from './failures.js';
import { formsOf } from './forms.js';
import { arrayStatements } from './postgres-batches.js';
import { returnedToken, returningStatements } from './statements.js';

// information_schema.columns.data_type
const FAMILIES: Families = {
  text: /char|text|user-defined/,
  integers: /^bigint|numeric/,
  numbers: /int|numeric|real|double/,
  doubles: /double|numeric/,
  booleans: /bool/,
  instants: /^timestamp/,
  days: /^date/,
  times: /^time/,
  JSON: /json|text/,
  bytes: /bytea/,
  UUIDs: /uuid|char|text/,
};

/** PostgreSQL, through pg, pg-native or PGlite. */
export const postgres: Dialect = {
  name: 'PostgreSQL',
  hasSchemas: true,
  transactionalDdl: true,
  altersColumns: true,
  countsMatched: true,
  mostBindings: Number.POSITIVE_INFINITY,
  batchesWrites: true,

  statements: (layout, table, quote) =>
    returningStatements(layout, table, quote, postgres, (field) => fieldValue(table, quote, field, '?::text')),
  batches: (_, layout, table, quote) =>
    arrayStatements(layout, table, quote, postgres, (field, text) => fieldValue(table, quote, field, text)),
  reached: (result) => postgres.rows(result),
  driverOptions: (sql, prepare) => (prepare ? { name: statementName(sql) } : undefined),
  forgetPrepared: () => {
    generation += 1;
    names.clear();
  },
  rows: (result) => (result as { rows: Record<string, unknown>[] }).rows,
  // PGlite says it in a word of its own.
  affected(result) {
    const { rowCount, affectedRows } = result as { rowCount?: number; affectedRows?: number };
    return rowCount ?? affectedRows ?? 0;
  },
  upsertedToken: (result, sent) => returnedToken(postgres, result) ?? sent,
  updatedToken: (result) => returnedToken(postgres, result),

  instantUnit: 1,
  seconds: (ms, more) => `((${ms})::bigint + ${more}) / 1000`,
  atMost: (ms, latest) => `least((${ms})::bigint, ${latest})`,
  // A column without a zone takes the wall clock of the session's, and compares as that.
  writeInstant(since, unit, utc) {
    const instant = `to_timestamp(${unit === 1 ? `(${since})::bigint / 1000.0` : since})`;
    return utc ? `(${instant} at time zone 'UTC')` : instant;
  },
  readInstant: (column, utc) => `round(extract(epoch from ${utc ? column : `${column}::timestamptz`}) * 1000)::bigint`,
  writeJson: (text) => `${text}::json`,
  sameText: (column, text) => `${column} is not distinct from ${text}::text`,
  sameValue: (type, column) => sameAsRead(type, column, postgres.readColumn(type, column), ' collate "C"'),
  asRead(type, value) {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    const given = String(value);
    const written = (type === 'datetime' || type === 'timestamp') && !/^-?\d+$/.test(given);
    return written ? String(Date.parse(given)) : given;
  },
  readColumn(type, column) {
    switch (type) {
      case 'date':
        return `to_char(${column}, 'YYYY-MM-DD')`;
      case 'datetime':
      case 'timestamp':
        return `round(extract(epoch from ${column}) * 1000)::bigint::text`;
      case 'bigInteger':
      case 'decimal':
      case 'time':
      case 'json':
      case 'jsonb':
        return `${column}::text`;
      default:
        return column;
    }
  },
  bindValue(_, value) {
    // With its zone: a column without one drops it, and keeps the wall clock of UTC.
    if (value instanceof Date) return value.toISOString();
    // Not every driver tells bytes from text.
    return Buffer.isBuffer(value) ? value.toString('hex') : value;
  },
  refuse: (type, args, value) =>
    type === 'datetime' || type === 'timestamp' ? unfitPrecision(givenPrecision(args, 1) ?? 6, value) : undefined,
  equals: (type, column, value) =>
    TEXT_TYPES.has(type)
      ? { sql: `(${column} = ? and ${column}::text collate "C" = ?)`, bindings: [value, value] }
      : { sql: `${column} = ${placeholder(type)}`, bindings: [value] },
  deleteExpired(layout, table, quote, now, limit) {
    const sid = quote(layout.sid);
    const expired = formsOf(layout, postgres).over(quote(layout.expireAt));
    return {
      // Two collectors share the work instead of waiting for each other.
      sql:
        `delete from ${table} where ${expired} and ${sid} in ` +
        `(select ${sid} from ${table} where ${expired} limit ? for update skip locked)`,
      bindings: [now, now, limit],
    };
  },

  ownColumn: (table, role, name) => (role === 'sid' ? table.string(name, 255) : table.text(name)),
  instantColumn: (table, name, { zoneless }) =>
    zoneless ? table.specificType(name, 'timestamp(6)') : table.timestamp(name),
  schemaColumn: plainColumn,
  async describe(knex, { quoted }) {
    const { rows } = await knex.raw(
      'select column_name as n, data_type as t, character_maximum_length as l, coalesce(datetime_precision, numeric_scale) as d, case when exists (' +
        'select from pg_attribute a join pg_collation l on l.oid = a.attcollation ' +
        "where a.attrelid = format('%I.%I', table_schema, table_name)::regclass and a.attname = column_name " +
        // The column is there from PostgreSQL 12 on.
        "and to_jsonb(l) ->> 'collisdeterministic' = 'false') then collation_name end as c, exists (" +
        'select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] ' +
        `where ${OF_THIS_TABLE} and i.indisunique and i.indnatts = 1 and a.attname = column_name) as u, exists (` +
        'select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] ' +
        `where ${OF_THIS_TABLE} and i.indisvalid and a.attname = column_name) as i ` +
        'from information_schema.columns where (table_schema, table_name) = (select n.nspname, c.relname ' +
        'from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass(?))',
      [quoted],
    );
    return (rows as InformationRow[]).map(({ n, t, l, d, c, u, i }) => ({
      name: n,
      type: t.toLowerCase().replaceAll('"', ''), // with quote_all_identifiers
      length: l,
      decimals: t === 'double precision' || t === 'real' ? null : d,
      collation: c,
      unique: u,
      indexed: i,
    }));
  },
  unfit(need, column) {
    const unfit =
      unfitColumn(FAMILIES, need, column) ??
      (need.role === 'sid' ? unfitCase(column) : undefined) ??
      (need.utc && !isZoneless(column) ? WITH_ZONE : undefined) ??
      unfitZone(need, column);
    if (unfit === undefined || !isInstant(need) || isZoneless(column) === need.zoneless) return unfit;
    // A cast would take UTC's wall clock for that of the session, or give the session's.
    return { ...unfit, using: (name) => `${name} at time zone 'UTC'` };
  },

  failure,
  // Its own way of ending waits until the pool looks at the connection again; what is no socket of Node's has none to close.
  abandon: (connection) =>
    (connection as { connection?: { stream?: { destroy?(): void } } }).connection?.stream?.destroy?.(),
  // It quotes the value last, or first.
  withoutValues: (message) => message.replace(/: ".*"$/s, '').replace(/^(value )?".*" (is out of range)/s, 'value $2'),
};

const OF_THIS_TABLE = "i.indrelid = format('%I.%I', table_schema, table_name)::regclass and i.indpred is null";

/**
 * A text as a value of a schema column, read by the column's own type (postgresql.org/docs/current/functions-json.html,
 * `json_populate_record`). A plain binding keeps the type that the column had when the statement was prepared: after ALTER COLUMN
 * TYPE, an instant would move by the session's time zone.
 */
function fieldValue(table: string, quote: Quote, { type, name }: Field, text: string): string {
  if (type === 'binary') return `decode(${text}, 'hex')`;
  if (type === 'json' || type === 'jsonb') return `${text}::json`;
  const column = quote(name);
  const key = column.slice(1, -1).replaceAll("'", "''");
  return `(json_populate_record(null::${table}, json_build_object('${key}', ${text}))).${column}`;
}

/**
 * Whether a column has what was read of it. Every binding is a text, so that a prepared statement keeps no type of the column's;
 * numbers are compared by the digits that the driver got, and a column of fixed width is padded.
 */
export function sameAsRead(type: ColumnType, column: string, read: string, collate: string): string {
  if (type === 'binary') return `${column} is not distinct from decode(?::text, 'hex')`;
  if (type === 'boolean') return `${column} is not distinct from ?::text::boolean`;
  if (NUMBER_TYPES.has(type)) return `${column}::text::numeric is not distinct from ?::text::numeric`;
  if (TEXT_TYPES.has(type) || type === 'uuid')
    return `rtrim(${column}::text)${collate} is not distinct from rtrim(?::text)`;
  return `${read} is not distinct from ?::text`;
}

/** A binding, as bytes where it is their digits. */
export function placeholder(type: ColumnType): string {
  return type === 'binary' ? "decode(?, 'hex')" : '?';
}

const names = new Map<string, string>();
let generation = 0;

/** The same for the same text, on every connection: a name that is used for another text is an error. */
function statementName(sql: string): string {
  let name = names.get(sql);
  if (name === undefined) {
    const digest = createHash('sha256').update(sql).digest('base64url').slice(0, 22);
    name = `kss_${digest}_${generation}`;
    names.set(sql, name);
  }
  return name;
}

/** An extension's type such as citext compares as it likes, and so does a collation that is not deterministic. */
function unfitCase({ type, collation }: ColumnInfo): Unfit | undefined {
  if (collation !== null) return unfitCollation(collation, true);
  return type === 'user-defined'
    ? { kind: 'collation', why: 'has a type under which two ids can be the same', alterable: true }
    : undefined;
}

/** The store writes UTC there and reads UTC; every other program that reads it takes it for the server's wall clock. */
function unfitZone(need: ColumnNeed, column: ColumnInfo): Unfit | undefined {
  if (!isInstant(need) || !isZoneless(column) || need.zoneless) return undefined;
  const { zoned } = need;
  const why = zoned === undefined ? 'has no time zone' : `has no time zone: ${zoned}`;
  return { kind: 'zone', why, alterable: true, usable: zoned === undefined };
}

/** UTC's wall clock, written there, would be taken for that of the session's zone. */
const WITH_ZONE: Unfit = { kind: 'zone', why: 'has a time zone', alterable: false };

function isInstant({ role }: ColumnNeed): boolean {
  return role === 'datetime' || role === 'timestamp';
}

function isZoneless({ type }: ColumnInfo): boolean {
  return type.endsWith('without time zone');
}

interface InformationRow {
  readonly n: string;
  readonly t: string;
  readonly l: number | null;
  readonly d: number | null;
  /** Only where it is not deterministic. */
  readonly c: string | null;
  readonly u: boolean;
  readonly i: boolean;
}

const RETRY = new Set(['40001', '40P01']); // serialization_failure, deadlock_detected
// admin_shutdown, crash_shutdown, and class 08: the session was cut off in the middle. read_only_sql_transaction: the server is no
// primary yet, or no longer; another connection may lead to the one that is.
const BROKEN = /^(57P01|57P02|25006|08...)$/;
const REFUSED = '25006';

/** SQLSTATEs: postgresql.org/docs/current/errcodes-appendix.html */
function failure(error: unknown): Failure {
  const code = codeOf(error);
  const { column, constraint = '' } = error as { column?: string; constraint?: string };
  if (RETRY.has(code)) return { kind: 'transient' };
  // A prepared statement has the types of its columns and bindings from when it was prepared.
  if (code === '42804' || (code === '0A000' && /cached plan/.test(String((error as Error).message))))
    return { kind: 'stale' };
  // Two CREATE TABLE at once collide on the catalogue's own unique indexes.
  if (code === '42P07' || code === '42710' || (code === '23505' && constraint.startsWith('pg_')))
    return { kind: 'exists' };
  if (code === '23505') return { kind: 'unique', column: constraint };
  // Data exceptions, constraints, and a value too large for its index (program_limit_exceeded).
  if (/^(22...|23...|54000)$/.test(code)) return { kind: 'value', column };
  return { kind: BROKEN.test(code) || connectionBroke(error) ? 'broken' : 'other', refused: code === REFUSED };
}
