import {
  type ColumnInfo,
  codeOf,
  connectionBroke,
  type Dialect,
  type Failure,
  type Families,
  givenPrecision,
  plainColumn,
  TEXT_TYPES,
  type Unfit,
  unfitColumn,
  unfitPrecision,
} from './dialect.js';
import { returnedToken, returningStatements } from './statements.js';

// information_schema.columns.data_type
const FAMILIES: Families = {
  text: /char|text|user-defined/,
  integers: /^bigint|numeric/,
  numbers: /int|numeric|real|double/,
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

  statements: (layout, table, quote) => returningStatements(layout, table, quote, postgres.readColumn),
  rows: (result) => (result as { rows: Record<string, unknown>[] }).rows,
  // PGlite says it in a word of its own.
  affected(result) {
    const { rowCount, affectedRows } = result as { rowCount?: number; affectedRows?: number };
    return rowCount ?? affectedRows ?? 0;
  },
  upsertedToken: (result, sent) => returnedToken(postgres, result) ?? sent,
  updatedToken: (result) => returnedToken(postgres, result),

  readColumn(type, column) {
    switch (type) {
      case 'date':
        return `to_char(${column}, 'YYYY-MM-DD')`;
      case 'datetime':
      case 'timestamp':
        return `round(extract(epoch from ${column}) * 1000)::text`;
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
  // With its zone: a column without one drops it, and keeps the wall clock of UTC.
  bindValue: (_, value) => (value instanceof Date ? value.toISOString() : value),
  refuse: (type, args, value) =>
    type === 'datetime' || type === 'timestamp' ? unfitPrecision(givenPrecision(args, 1) ?? 6, value) : undefined,
  equals: (type, column, value) =>
    TEXT_TYPES.has(type)
      ? { sql: `(${column} = ? and ${column}::text collate "C" = ?)`, bindings: [value, value] }
      : { sql: `${column} = ?`, bindings: [value] },
  deleteExpired(layout, table, quote, now, limit) {
    const sid = quote(layout.sid);
    const expired = `${quote(layout.expireAt)} <= ?`;
    return {
      // Two collectors share the work instead of waiting for each other.
      sql:
        `delete from ${table} where ${expired} and ${sid} in ` +
        `(select ${sid} from ${table} where ${expired} limit ? for update skip locked)`,
      bindings: [now, now, limit],
    };
  },

  ownColumn: (table, role, name) => (role === 'sid' ? table.string(name, 255) : table.text(name)),
  schemaColumn: plainColumn,
  async describe(knex, { quoted }) {
    const { rows } = await knex.raw(
      'select column_name as n, data_type as t, character_maximum_length as l, collation_name as c, exists (' +
        'select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] ' +
        "where i.indrelid = format('%I.%I', table_schema, table_name)::regclass and i.indisunique and i.indpred is null " +
        'and i.indnatts = 1 and a.attname = column_name) as u ' +
        'from information_schema.columns where (table_schema, table_name) = (select n.nspname, c.relname ' +
        'from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass(?))',
      [quoted],
    );
    return (rows as InformationRow[]).map(({ n, t, l, c, u }) => ({
      name: n,
      type: t.toLowerCase(),
      length: l,
      collation: c,
      unique: u,
    }));
  },
  unfit(role, column, least) {
    const unfit = unfitColumn(FAMILIES, role, column, least);
    return unfit ?? (role === 'sid' ? unfitCase(column) : undefined);
  },

  failure,
};

/** An extension's type such as citext compares as it likes. */
function unfitCase({ type }: ColumnInfo): Unfit | undefined {
  return type === 'user-defined'
    ? { why: 'has a type under which two ids can be the same', alterable: true }
    : undefined;
}

interface InformationRow {
  readonly n: string;
  readonly t: string;
  readonly l: number | null;
  readonly c: string | null;
  readonly u: boolean;
}

const RETRY = new Set(['40001', '40P01']); // serialization_failure, deadlock_detected
// admin_shutdown, crash_shutdown, and class 08: the session was cut off in the middle.
const BROKEN = /^(57P01|57P02|08...)$/;

/** SQLSTATEs: postgresql.org/docs/current/errcodes-appendix.html */
function failure(error: unknown): Failure {
  const code = codeOf(error);
  const { column, constraint = '' } = error as { column?: string; constraint?: string };
  if (RETRY.has(code)) return { kind: 'transient' };
  // Two CREATE TABLE at once collide on the catalogue's own unique indexes.
  if (code === '42P07' || (code === '23505' && constraint.startsWith('pg_'))) return { kind: 'exists' };
  if (code === '23505') return { kind: 'unique', column: constraint };
  // Data exceptions, constraints, and a value too large for its index (program_limit_exceeded).
  if (/^(22...|23...|54000)$/.test(code)) return { kind: 'value', column };
  return { kind: BROKEN.test(code) || connectionBroke(error) ? 'broken' : 'other' };
}
