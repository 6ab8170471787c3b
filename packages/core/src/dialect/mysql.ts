import type { Knex } from 'knex';
import { changedColumns, type Layout, rowColumns } from '../layout.js';
import { RANDOM_SPAN } from '../token.js';
import {
  codeOf,
  connectionBroke,
  type DdlFacts,
  type Dialect,
  type Failure,
  type Families,
  plainColumn,
  type Quote,
  type Statements,
  TEXT_TYPES,
  unfitFamily,
  unfitSid,
} from './dialect.js';
import { readStatement, touchStatement } from './statements.js';

// information_schema.columns.data_type
const FAMILIES: Families = {
  text: /char|text|enum/,
  integers: /^bigint|decimal/,
  numbers: /int|decimal|float|double/,
  booleans: /int|bit/,
  instants: /datetime|timestamp/,
  days: /^date$/,
  times: /^time$/,
  JSON: /json|text/,
  bytes: /blob|binary/,
  UUIDs: /char|text|uuid/,
};

/** MySQL and MariaDB, through mysql2, mysql or mariadb. */
export const mysql: Dialect = {
  name: 'MySQL or MariaDB',
  hasSchemas: false,
  transactionalDdl: false,
  altersColumns: true,
  countsMatched: false, // the flag FOUND_ROWS decides, and it is the app's

  statements,
  rows: (result) => (result as [Record<string, unknown>[]])[0],
  affected: (result) => (result as [{ affectedRows?: number }])[0].affectedRows ?? 0,
  // An insert reports one row; otherwise LAST_INSERT_ID has sent the token back.
  upsertedToken: (result, sent) => (mysql.affected(result) === 1 ? sent : sentBack(result)),
  updatedToken: (result) => (mysql.affected(result) === 0 ? undefined : sentBack(result)),

  readColumn(type, column) {
    switch (type) {
      case 'date':
        return `date_format(${column}, '%Y-%m-%d')`;
      case 'datetime':
      case 'timestamp':
        return `date_format(${column}, '%Y-%m-%dT%H:%i:%s.%fZ')`;
      case 'time':
        return `time_format(${column}, '%H:%i:%s')`;
      case 'bigInteger':
      case 'decimal':
      case 'json':
      case 'jsonb':
        return `cast(${column} as char)`;
      default:
        return column;
    }
  },
  // The wall clock of UTC, in a column without a zone.
  bindValue: (_, value) => (value instanceof Date ? value.toISOString().slice(0, -1).replace('T', ' ') : value),
  equals(type, column, value) {
    if (TEXT_TYPES.has(type)) {
      // The first condition finds the index, the second sees case and trailing spaces.
      const exact = `cast(convert(${column} using utf8mb4) as binary) = cast(convert(? using utf8mb4) as binary)`;
      return { sql: `(${column} = ? and ${exact})`, bindings: [value, value] };
    }
    // A number compared with a text is compared as a double.
    if (type === 'bigInteger') return { sql: `${column} = cast(? as signed)`, bindings: [value] };
    if (type === 'decimal') return { sql: `${column} = cast(? as decimal(65, 30))`, bindings: [value] };
    // A FLOAT is widened for the comparison, so that 0.1 is not 0.1; half a unit of its last place is allowed.
    if (type === 'float') return { sql: `abs(${column} - ?) <= abs(?) * 6e-8`, bindings: [value, value] };
    return { sql: `${column} = ?`, bindings: [value] };
  },
  deleteExpired: (layout, table, quote, now, limit) => ({
    sql: `delete from ${table} where ${quote(layout.expireAt)} <= ? order by ${quote(layout.expireAt)} limit ?`,
    bindings: [now, limit],
  }),

  inspect,
  ownColumn: (table, role, name) =>
    (role === 'sid' ? table.string(name, 255) : table.text(name, 'longtext')).collate('utf8mb4_bin'),
  schemaColumn(table, field, { binaryCollation = 'utf8mb4_bin' }) {
    const instant = field.type === 'datetime' || field.type === 'timestamp';
    // DATETIME keeps the milliseconds of a Date, has no zone and does not end in 2038, as TIMESTAMP does.
    if (instant && field.args.length === 0) return table.specificType(field.name, 'datetime(3)');
    const column = plainColumn(table, field);
    return TEXT_TYPES.has(field.type) ? column.collate(binaryCollation) : column;
  },
  async describe(knex, layout) {
    const [rows] = await knex.raw(
      'select column_name as n, data_type as t, character_maximum_length as l, collation_name as c ' +
        'from information_schema.columns where table_name = ? and table_schema = database()',
      [layout.table],
    );
    return (rows as { n: string; t: string; l: number | null; c: string | null }[]).map(({ n, t, l, c }) => ({
      name: n,
      type: t.toLowerCase(),
      length: l === null ? null : Number(l),
      collation: c,
    }));
  },
  unfit(role, column) {
    const why = unfitFamily(FAMILIES, role, column);
    if (why !== undefined) return why;
    if (role === 'additional' && column.type === 'text') return 'holds 64 KB, and sessions can be larger';
    if (role !== 'sid') return undefined;
    return (
      unfitSid(255, column) ??
      (column.collation !== null && !column.collation.endsWith('_bin')
        ? `has the collation ${column.collation}, under which two ids can be the same`
        : undefined)
    );
  },

  failure,
};

/**
 * LAST_INSERT_ID(expr) sends the value back with the result, so that no second statement has to ask for it
 * (dev.mysql.com, "Information Functions"). The assignments run from left to right: revision and creation read the
 * expiry that was there, so it comes after them.
 */
function statements(layout: Layout, table: string, quote: Quote): Statements {
  const sid = quote(layout.sid);
  const expireAt = quote(layout.expireAt);
  const revision = quote(layout.revision);
  const columns = rowColumns(layout).map(quote);
  const kept = layout.createdAt === undefined ? [] : [quote(layout.createdAt)];
  // ON DUPLICATE KEY fires for any unique index: a schema column that is unique would make it overwrite the row of another
  // session. The subquery of two rows is an error when it is reached, and it is reached only then.
  const guard = `${sid} = if(${sid} = values(${sid}), ${sid}, (select 1 union select 2))`;
  const sets = [
    ...(layout.fields.length > 0 ? [guard] : []),
    `${revision} = last_insert_id(if(${expireAt} > ?, ${revision} - ${revision} % ${RANDOM_SPAN} + values(${revision}) % ${RANDOM_SPAN}, values(${revision})))`,
    ...kept.map((column) => `${column} = if(${expireAt} > ?, ${column}, values(${column}))`),
    ...changedColumns(layout).map((name) => `${quote(name)} = values(${quote(name)})`),
  ];
  return {
    read: readStatement(layout, table, quote, mysql.readColumn),
    upsert:
      `insert into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')}) ` +
      `on duplicate key update ${sets.join(', ')}`,
    update:
      `update ${table} set ${changedColumns(layout)
        .map((name) => `${quote(name)} = ?`)
        .join(', ')}, ` +
      `${revision} = last_insert_id(${revision} - ${revision} % ${RANDOM_SPAN} + ?) ` +
      `where ${sid} = ? and ${expireAt} > ? and ${revision} between ? and ?`,
    touch: touchStatement(layout, table, quote),
    remove: `delete from ${table} where ${sid} = ?`,
  };
}

function sentBack(result: unknown): number {
  return Number((result as [{ insertId?: number | bigint | string }])[0].insertId);
}

/** A collation without PAD SPACE, under which `bob` and `bob ` differ; the name depends on whose server it is. */
async function inspect(knex: Knex): Promise<DdlFacts> {
  const [rows] = await knex.raw('select version() as v');
  const version = String((rows as { v: unknown }[])[0]?.v);
  const [, major = '0', minor = '0', patch = '0'] = /(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  const number = Number(major) * 10_000 + Number(minor) * 100 + Number(patch);
  if (/mariadb/i.test(version)) return { binaryCollation: 'utf8mb4_nopad_bin' }; // 10.2.2 and later
  return { binaryCollation: number >= 80_017 ? 'utf8mb4_0900_bin' : 'utf8mb4_bin' };
}

const TRANSIENT = new Set(['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_CHECKREAD']);
const BROKEN = new Set([
  'PROTOCOL_CONNECTION_LOST',
  'ER_SERVER_SHUTDOWN',
  'ER_CONNECTION_KILLED',
  'ER_NORMAL_SHUTDOWN',
]);
const VALUE = new Set([
  'ER_DATA_TOO_LONG',
  'ER_WARN_DATA_OUT_OF_RANGE',
  'ER_BAD_NULL_ERROR',
  'ER_NO_DEFAULT_FOR_FIELD',
  'WARN_DATA_TRUNCATED',
  'ER_TRUNCATED_WRONG_VALUE',
  'ER_TRUNCATED_WRONG_VALUE_FOR_FIELD',
  'ER_INVALID_JSON_TEXT',
  'ER_CONSTRAINT_FAILED',
  'ER_CHECK_CONSTRAINT_VIOLATED',
]);

/** Error names: dev.mysql.com, "Server Error Message Reference"; mariadb.com/kb, "MariaDB Error Codes". */
function failure(error: unknown): Failure {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : '';
  if (TRANSIENT.has(code)) return { kind: 'transient' };
  if (code === 'ER_TABLE_EXISTS_ERROR' || code === 'ER_DUP_KEYNAME') return { kind: 'exists' };
  if (code === 'ER_SUBQUERY_NO_1_ROW') return { kind: 'unique' }; // the guard of the upsert
  if (code === 'ER_DUP_ENTRY') return { kind: 'unique', column: /for key '([^']*)'/.exec(message)?.[1] };
  if (VALUE.has(code))
    return { kind: 'value', column: /(?:column|field) '([^']*)'/i.exec(message)?.[1]?.split('.').pop() };
  return { kind: BROKEN.has(code) || connectionBroke(error) ? 'broken' : 'other' };
}
