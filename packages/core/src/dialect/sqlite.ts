import { type Families, plainColumn, TEXT_TYPES, unfitCollation, unfitColumn } from './columns.js';
import type { ColumnInfo, Dialect, Failure } from './dialect.js';
import { codeOf, connectionBroke } from './failures.js';
import { formsOf } from './forms.js';
import { valuesStatements } from './sqlite-batches.js';
import { runKept } from './sqlite-kept.js';
import { returnedToken, returningStatements } from './statements.js';

// A column's declared type decides its affinity (sqlite.org/datatype3.html, 3.1), and knex declares these.
const FAMILIES: Families = {
  text: /char|clob|text/,
  integers: /int/,
  numbers: /int|real|floa|doub|num|dec/,
  doubles: /real|floa|doub|int|num/,
  booleans: /bool|int|num/,
  instants: /date|time|int|num/,
  days: /date|char|text/,
  times: /time|char|text/,
  JSON: /json|char|clob|text/,
  bytes: /blob|binary/,
  UUIDs: /char|clob|text|uuid/,
};

const BY_HAND =
  'SQLite alters no column: make the table anew, by the procedure of sqlite.org/lang_altertable.html, ' +
  '"Making Other Kinds Of Table Schema Changes".';

/** SQLite, through better-sqlite3, sqlite3 or `node:sqlite`. */
export const sqlite: Dialect = {
  name: 'SQLite',
  hasSchemas: false,
  transactionalDdl: true,
  altersColumns: false,
  countsMatched: true,
  blocks: true,
  mostBindings: 32_766, // SQLITE_MAX_VARIABLE_NUMBER, sqlite.org/limits.html
  batchesWrites: true,

  statements(layout, table, quote) {
    const statements = returningStatements(layout, table, quote, sqlite);
    // The driver `sqlite3` says only by its rows what a raw statement reached.
    const { touch, touchFar } = statements;
    return { ...statements, touch: `${touch} returning 1`, touchFar: `${touchFar} returning 1` };
  },
  driverOptions: () => undefined,
  runKept,
  batches: (_, layout, table, quote) => valuesStatements(layout, table, quote, sqlite),
  reached: (result) => sqlite.rows(result),
  rows: (result) => (Array.isArray(result) ? result : []),
  affected: (result) =>
    Array.isArray(result) ? result.length : Number((result as { changes?: number } | undefined)?.changes ?? 0),
  upsertedToken: (result, sent) => returnedToken(sqlite, result) ?? sent,
  updatedToken: (result) => returnedToken(sqlite, result),

  instantUnit: 1,
  // A number that a driver binds is a real.
  seconds: (ms, more) => `(cast(${ms} as integer) + ${more}) / 1000`,
  atMost: (ms, latest) => `min(${ms}, ${latest})`,
  writeInstant: (since, unit) =>
    unit === 1
      ? `strftime('%Y-%m-%dT%H:%M:%fZ', ${since} / 1000.0, 'unixepoch')`
      : `strftime('%Y-%m-%dT%H:%M:%SZ', ${since}, 'unixepoch')`,
  // Spelled in one of several ways, and compared by the second.
  compareInstant: (since, unit) =>
    `strftime('%Y-%m-%dT%H:%M:%S', ${since}${unit === 1 ? ' / 1000.0' : ''}, 'unixepoch')`,
  readInstant: (column) => `cast(round((julianday(${column}) - 2440587.5) * 86400000) as integer)`,
  writeJson: (text) => text,
  sameText: (column, text) => `${column} is ${text} collate binary`,
  sameValue: (type, column) => `${sqlite.readColumn(type, column)} is ? collate binary`,
  // Where the column is read as text, a number that is written would be compared as a real's.
  asRead: (type, value) => (type === 'bigInteger' ? String(value) : value),
  // Integers beyond 2^53 would arrive rounded.
  readColumn: (type, column) => (type === 'bigInteger' ? `cast(${column} as text)` : column),
  bindValue(type, value) {
    if (type === 'boolean') return value ? 1 : 0;
    // The column makes a number of a JSON number, and before SQLite 3.53 not always the nearest one.
    if ((type === 'json' || type === 'jsonb') && /^[-\d]/.test(String(value))) return Number(value);
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
    const expired = formsOf(layout, sqlite).over(quote(layout.expireAt));
    return {
      sql: `delete from ${table} where ${expired} and ${sid} in (select ${sid} from ${table} where ${expired} limit ?) returning 1`,
      bindings: [now, now, limit],
    };
  },

  ownColumn: (table, role, name) => (role === 'sid' ? table.string(name, 255) : table.text(name)),
  instantColumn: (table, name) => table.timestamp(name),
  schemaColumn: plainColumn,
  async describe(knex, { bare }) {
    const columns = await knex.raw(
      'select t.name as name, t.type as type, u.name is not null as u, u.coll as c, t.name in (' +
        'select c.name from pragma_index_list(?) i join pragma_index_xinfo(i.name) c where i.partial = 0 and c.seqno = 0) as i ' +
        'from pragma_table_info(?) t left join (' +
        'select min(c.name) as name, min(c.coll) as coll from pragma_index_list(?) i join pragma_index_xinfo(i.name) c ' +
        'where i."unique" = 1 and i.partial = 0 and c.key = 1 group by i.name having count(*) = 1) u on u.name = t.name',
      [bare, bare, bare],
    );
    return (columns as PragmaRow[]).map(columnInfo);
  },
  unfit(need, column) {
    const collated = need.role === 'sid' && column.collation !== null && column.collation !== 'BINARY';
    const unfit =
      unfitColumn(FAMILIES, need, column) ?? (collated ? unfitCollation(String(column.collation), false) : undefined);
    return unfit === undefined || unfit.kind === 'type' ? unfit : { ...unfit, byHand: BY_HAND };
  },

  failure,
};

function columnInfo({ name, type, u, c, i }: PragmaRow): ColumnInfo {
  const [, word = '', length] = /^([^(]*?)\s*(?:\((\d+)\))?$/.exec(type.toLowerCase()) ?? [];
  return {
    name,
    type: word,
    length: length === undefined ? null : Number(length),
    decimals: null, // what a type declares is not enforced
    collation: c,
    unique: Number(u) === 1, // a driver may give BigInts
    indexed: Number(i) === 1,
  };
}

interface PragmaRow {
  readonly name: string;
  readonly type: string;
  readonly u: number;
  readonly c: string | null;
  readonly i: number;
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
