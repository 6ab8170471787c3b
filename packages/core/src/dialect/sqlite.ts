import {
  type ColumnInfo,
  codeOf,
  connectionBroke,
  type Dialect,
  type Failure,
  type Families,
  plainColumn,
  TEXT_TYPES,
  type Unfit,
  unfitColumn,
} from './dialect.js';
import { returnedToken, returningStatements } from './statements.js';

// A column's declared type decides its affinity (sqlite.org/datatype3.html, 3.1), and knex declares these.
const FAMILIES: Families = {
  text: /char|clob|text/,
  integers: /int/,
  numbers: /int|real|floa|doub|num|dec/,
  booleans: /bool|int|num/,
  instants: /date|time|int|num/,
  days: /date|char|text/,
  times: /time|char|text/,
  JSON: /json|char|clob|text/,
  bytes: /blob|binary/,
  UUIDs: /char|clob|text|uuid/,
};

/** SQLite, through better-sqlite3 or sqlite3. */
export const sqlite: Dialect = {
  name: 'SQLite',
  hasSchemas: false,
  transactionalDdl: true,
  altersColumns: false,
  countsMatched: true,

  statements(layout, table, quote) {
    const statements = returningStatements(layout, table, quote, sqlite.readColumn);
    // The driver `sqlite3` says only by its rows what a raw statement reached.
    return { ...statements, touch: `${statements.touch} returning 1` };
  },
  rows: (result) => (Array.isArray(result) ? result : []),
  affected: (result) =>
    Array.isArray(result) ? result.length : Number((result as { changes?: number } | undefined)?.changes ?? 0),
  upsertedToken: (result, sent) => returnedToken(sqlite, result) ?? sent,
  updatedToken: (result) => returnedToken(sqlite, result),

  // Integers beyond 2^53 would arrive rounded.
  readColumn: (type, column) => (type === 'bigInteger' ? `cast(${column} as text)` : column),
  bindValue(type, value) {
    if (type === 'boolean') return value ? 1 : 0;
    return value instanceof Date ? value.getTime() : value;
  },
  equals: (type, column, value) =>
    TEXT_TYPES.has(type)
      ? { sql: `(${column} = ? and ${column} = ? collate binary)`, bindings: [value, value] }
      : { sql: `${column} = ?`, bindings: [value] },
  refuse: (type, _, value) =>
    type === 'decimal' && String(value).replace(/^-?0*\.?0*|[-.]/g, '').length > 15
      ? 'has more than the 15 digits that SQLite keeps of a decimal'
      : undefined,
  deleteExpired(layout, table, quote, now, limit) {
    const sid = quote(layout.sid);
    const expired = `${quote(layout.expireAt)} <= ?`;
    return {
      sql: `delete from ${table} where ${expired} and ${sid} in (select ${sid} from ${table} where ${expired} limit ?) returning 1`,
      bindings: [now, now, limit],
    };
  },

  ownColumn: (table, role, name) => (role === 'sid' ? table.string(name, 255) : table.text(name)),
  schemaColumn: plainColumn,
  async describe(knex, { bare }) {
    const columns = await knex.raw(
      'select t.name, t.type, u.name is not null as u, u.coll as c from pragma_table_info(?) t left join (' +
        'select min(c.name) as name, min(c.coll) as coll from pragma_index_list(?) i join pragma_index_xinfo(i.name) c ' +
        'where i."unique" = 1 and i.partial = 0 and c.key = 1 group by i.name having count(*) = 1) u on u.name = t.name',
      [bare, bare],
    );
    return (columns as Parameters<typeof columnInfo>[0][]).map(columnInfo);
  },
  unfit(role, column, least) {
    const unfit = unfitColumn(FAMILIES, role, column, least);
    return unfit ?? (role === 'sid' ? unfitCase(column) : undefined);
  },

  failure,
};

function unfitCase({ collation }: ColumnInfo): Unfit | undefined {
  if (collation === null || collation === 'BINARY') return undefined;
  return { why: `has the collation ${collation}, under which two ids can be the same`, alterable: false };
}

function columnInfo({ name, type, u, c }: { name: string; type: string; u: number; c: string | null }): ColumnInfo {
  const [, word = '', length] = /^([^(]*?)\s*(?:\((\d+)\))?$/.exec(type.toLowerCase()) ?? [];
  return { name, type: word, length: length === undefined ? null : Number(length), collation: c, unique: u === 1 };
}

/** Result codes: sqlite.org/rescode.html; the driver `sqlite3` has the primary code only, with the detail in the message. */
function failure(error: unknown): Failure {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : '';
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return { kind: 'transient' };
  if (/table .* already exists|index .* already exists/.test(message)) return { kind: 'exists' };
  // A trigger refuses for reasons of its own, which are about no value.
  if (code.startsWith('SQLITE_CONSTRAINT') && code !== 'SQLITE_CONSTRAINT_TRIGGER') {
    const [, what, column] = /(UNIQUE|NOT NULL|CHECK) constraint failed: (?:\S+\.)?(\S+)/.exec(message) ?? [];
    return { kind: what === 'UNIQUE' || /UNIQUE|PRIMARYKEY/.test(code) ? 'unique' : 'value', column };
  }
  if (/^SQLITE_(MISMATCH|TOOBIG)/.test(code)) return { kind: 'value' };
  return { kind: connectionBroke(error) ? 'broken' : 'other' };
}
