import type { Knex } from 'knex';
import { KssError } from '../errors.js';
import { changedColumns, filledColumns, type Layout, rowColumns, textColumns } from '../layout.js';
import { RANDOM_SPAN } from '../token.js';
import type { ColumnType } from '../types.js';
import {
  codeOf,
  connectionBroke,
  type DdlFacts,
  type Dialect,
  type Failure,
  type Families,
  givenPrecision,
  plainColumn,
  type Quote,
  type Statements,
  TEXT_TYPES,
  unfitCollation,
  unfitColumn,
  unfitPrecision,
  WHOLE_TYPES,
} from './dialect.js';
import { formsOf } from './forms.js';
import { caseStatements, MOST_UPDATED } from './mysql-batches.js';
import { forget, keep, runKept } from './mysql-kept.js';
import { contentConditions } from './same-content.js';
import { farStatement, ownPlace, readStatement, touchStatement } from './statements.js';

// information_schema.columns.data_type
const FAMILIES: Families = {
  text: /char|text|enum/,
  integers: /^bigint|decimal/,
  numbers: /int|decimal|float|double/,
  doubles: /double/,
  booleans: /int/,
  instants: /datetime|timestamp/,
  days: /^date$/,
  times: /^time$/,
  JSON: /json|text/,
  bytes: /blob|varbinary/, // the other one pads
  UUIDs: /char|text|uuid/,
};

/** MySQL and MariaDB, through mysql2. */
export const mysql: Dialect = {
  name: 'MySQL or MariaDB',
  hasSchemas: false,
  transactionalDdl: false,
  altersColumns: true,
  countsMatched: false, // the flag FOUND_ROWS decides, and it is the app's
  mostBindings: Number.POSITIVE_INFINITY, // the driver puts values into the text
  batchesWrites: true,
  mostUpdated: MOST_UPDATED,

  statements: (layout, table, quote) => {
    const made = statements(layout, table, quote);
    return layout.foreign === undefined ? keep(made) : made;
  },
  driverOptions: () => undefined,
  runKept,
  forgetPrepared: forget,
  batches: (_, layout, table, quote) =>
    caseStatements(
      layout,
      table,
      quote,
      mysql,
      assignments(layout, quote, (token) => token),
    ),
  reached: () => undefined,
  // An insert counts 1 and an update in its place 2; a row that was found as it was to be, which takes a second try, 1 or 0.
  insertedAll: (result, sent) => mysql.affected(result) === sent,
  which(result, sent, changed) {
    const bits = insertIdOf(result);
    const which = Array.from({ length: sent }, (_, i) => Math.floor(bits / 2 ** i) % 2 === 1);
    const count = which.filter(Boolean).length;
    // Where the bits are as many as the rows, they are those of the rows, whatever stood there before the statement.
    return count === mysql.affected(result) || (count > mysql.affected(result) && !changed) ? which : undefined;
  },
  rows: (result) => (result as [Record<string, unknown>[]])[0],
  affected: (result) => (result as [{ affectedRows?: number }])[0].affectedRows ?? 0,
  upsertedToken(result, sent) {
    // Where the insert met a row, LAST_INSERT_ID sends its token back. Any other number is of a column of the app's own.
    const sentBack = insertIdOf(result);
    return sentBack % RANDOM_SPAN === sent % RANDOM_SPAN && sentBack !== 0 ? sentBack : sent;
  },
  // Without FOUND_ROWS a retry that finds its own write reaches no row, and sends the token back all the same.
  updatedToken: (result) => insertIdOf(result) || undefined,

  instantUnit: 1000,
  seconds: (ms, more) => `(${ms} + ${more}) div 1000`,
  atMost: (ms, latest) => `least(${ms}, ${latest})`,
  // The wall clock of UTC, in a column without a zone.
  writeInstant: (since, unit) =>
    unit === 1
      ? `timestamp'1970-01-01 00:00:00.000' + interval (${since}) * 1000 microsecond`
      : `timestamp'1970-01-01 00:00:00' + interval (${since}) second`,
  readInstant: (column) => `timestampdiff(microsecond, timestamp'1970-01-01 00:00:00', ${column}) div 1000`,
  writeJson: (text) => text,
  sameText: (column, text) => `${bytesOf(column)} <=> ${bytesOf(text)}`,
  // Numbers have more than one text, and a whole one may stand in a column of decimals.
  sameValue: (type, column) =>
    type === 'binary' || type === 'double' || WHOLE_TYPES.has(type)
      ? `${column} <=> ?`
      : mysql.sameText(mysql.readColumn(type, column), '?'),
  asRead(type, value) {
    if (value instanceof Uint8Array) return Buffer.from(value);
    if (WHOLE_TYPES.has(type)) return value;
    if (type === 'boolean') return String(Number(value));
    const instant = type === 'datetime' || type === 'timestamp';
    return instant ? String(value).replace(/^(.{10}) (.*)$/, '$1T$2000Z') : String(value);
  },
  readColumn(type, column) {
    switch (type) {
      case 'date':
        return `date_format(${column}, '%Y-%m-%d')`;
      case 'datetime':
      case 'timestamp':
        return `date_format(${column}, '%Y-%m-%dT%H:%i:%s.%fZ')`;
      case 'time':
        return `time_format(${column}, '%H:%i:%s')`;
      case 'double': // the driver's own arithmetic loses the last digit of some
      case 'boolean': // an app may have its driver give booleans, and false for NULL
      case 'bigInteger':
      case 'decimal':
      case 'json':
      case 'jsonb':
        return `cast(${column} as char)`;
      default:
        return column;
    }
  },
  bindValue(type, value) {
    // The wall clock of UTC, in a column without a zone.
    if (value instanceof Date) return value.toISOString().slice(0, -1).replace('T', ' ');
    // A number in the statement is a DECIMAL literal first, and MariaDB loses its last bit on the way to a DOUBLE.
    return type === 'double' || type === 'float' ? String(value) : value;
  },
  refuse(type, args, value) {
    if (type === 'datetime' || type === 'timestamp') return unfitPrecision(instantPrecision(args), value);
    // A server that is not strict would cut it.
    const room = roomOf(type, args);
    if (room !== undefined && Buffer.byteLength(value as string | Buffer) > room) return `has more than ${room} bytes`;
    const [, decimals] = args;
    return type === 'double' && typeof decimals === 'number' && Number(Number(value).toFixed(decimals)) !== value
      ? `has more than the ${decimals} decimals that the column keeps`
      : undefined;
  },
  equals(type, column, value) {
    if (TEXT_TYPES.has(type)) {
      // The first condition finds the index, the second sees case and trailing spaces.
      const exact = `${bytesOf(column)} = ${bytesOf('?')}`;
      return { sql: `(${column} = ? and ${exact})`, bindings: [value, value] };
    }
    // A number compared with a text is compared as a double.
    if (type === 'bigInteger') return { sql: `${column} = cast(? as signed)`, bindings: [value] };
    if (type === 'decimal')
      return { sql: `${column} = cast(? as decimal(65, ${decimalsOf(value)}))`, bindings: [value] };
    return { sql: `${column} = ?`, bindings: [value] };
  },
  deleteExpired: (layout, table, quote, now, limit) => ({
    sql: `delete from ${table} where ${formsOf(layout, mysql).over(quote(layout.expireAt))} order by ${quote(layout.expireAt)} limit ?`,
    bindings: [now, limit],
  }),

  checkSettings,
  inspect,
  ownColumn: (table, role, name) =>
    (role === 'sid' ? table.string(name, 255) : table.text(name, 'longtext')).collate('utf8mb4_bin'),
  instantColumn: (table, name, { decimals }) => table.specificType(name, decimals === 0 ? 'datetime' : 'datetime(6)'),
  schemaColumn(table, field, { binaryCollation = 'utf8mb4_bin' }) {
    const { type, name, args } = field;
    if (type === 'datetime' || type === 'timestamp') {
      // It keeps milliseconds, has no zone and does not end in 2038, as TIMESTAMP does.
      return table.specificType(name, `datetime(${instantPrecision(args)})`);
    }
    // knex would make it a FLOAT(8, 2).
    if (type === 'float' && args.length === 0) return table.specificType(name, 'float');
    const column = plainColumn(table, field);
    return TEXT_TYPES.has(type) ? column.collate(binaryCollation) : column;
  },
  async describe(knex, { bare }) {
    // One query for each view: joined, MariaDB opens the table anew for every column.
    const [columns] = (await knex.raw(
      'select table_name as o, column_name as n, data_type as t, character_maximum_length as l, ' +
        'coalesce(datetime_precision, numeric_scale) as d, collation_name as c ' +
        'from information_schema.columns where table_name = ? and table_schema = database()',
      [bare],
    )) as [InformationRow[]];
    const [parts] = (await knex.raw(
      'select table_name as o, index_name as i, column_name as n, seq_in_index as p, non_unique as d, sub_part as s ' +
        'from information_schema.statistics where table_name = ? and table_schema = database()',
      [bare],
    )) as [IndexPart[]];
    // The catalogue compares names without their case, and two tables may differ in nothing else.
    const exact = columns.filter(({ o }) => o === bare);
    const found = exact.length > 0 ? exact : columns;
    const indexes = parts.filter(({ o }) => found.some((column) => column.o === o));
    return found.map(({ n, t, l, d, c }) => {
      const first = indexes.filter((part) => part.n === n && Number(part.p) === 1);
      const alone = ({ i, s: cut }: IndexPart) =>
        (cut ?? null) === null && indexes.filter((part) => part.i === i).length === 1;
      return {
        name: n,
        type: t.toLowerCase(),
        length: wholeNumber(l),
        decimals: wholeNumber(d),
        collation: c ?? null,
        unique: first.some((part) => Number(part.d) === 0 && alone(part)),
        indexed: first.length > 0,
      };
    });
  },
  unfit(need, column) {
    const unfit = unfitColumn(FAMILIES, need, column);
    if (unfit !== undefined) return unfit;
    if (need.role === 'sid' && !(column.collation ?? '_bin').endsWith('_bin')) {
      return unfitCollation(String(column.collation), true);
    }
    if ((need.role === 'datetime' || need.role === 'timestamp') && column.type === 'timestamp') {
      const why = "bends with the connection's time zone, and ends in 2038";
      return { kind: 'zone', why, alterable: true };
    }
    return undefined;
  },

  failure,
  // mysql2's quit waits in line behind the statement that is never answered, and its destroy() for the server to hang up.
  abandon: (connection) => (connection as { stream?: { destroy(): void } }).stream?.destroy(),
  withoutValues: (message) =>
    message
      .replace(/^Duplicate entry '.*' for key/s, 'Duplicate entry for key')
      .replace(/: '.*' for (column|function)/s, ' for $1'),
};

/**
 * LAST_INSERT_ID(expr) sends the value back with the result, so that no second statement has to ask for it
 * (dev.mysql.com, "Information Functions"). The assignments run from left to right: revision and creation read the
 * expiry that was there, so it comes after them.
 */
function statements(layout: Layout, table: string, quote: Quote): Statements {
  const sid = quote(layout.sid);
  const forms = formsOf(layout, mysql);
  const live = forms.live(quote(layout.expireAt));
  const names = rowColumns(layout);
  const placeFor = (name: string) => ownPlace(layout, forms, name);
  const { text, content } = contentConditions(layout, quote, mysql);
  const updateStatement = (changed: readonly string[], same = content) => {
    const sets = changed.map((name) => `${quote(name)} = ${placeFor(name)}`).join(', ');
    if (layout.revision === undefined) {
      // Of a row that is reached, its sid has some length.
      const told = `${sid} = if(last_insert_id(char_length(${sid})) > 0, ${sid}, ${sid})`;
      return `update ${table} set ${told}, ${sets} where ${sid} = ? and ${live}${same}`;
    }
    const revision = quote(layout.revision);
    const stored = `coalesce(${revision}, 0)`; // NULL where another program inserted the row into a table that allows it
    return (
      `update ${table} set ${sets}, ` +
      `${revision} = last_insert_id(${stored} - mod(${stored}, ${RANDOM_SPAN}) + ?) ` +
      `where ${sid} = ? and ${live} and ${stored} between ? and ?`
    );
  };
  return {
    read: readStatement(layout, table, quote, mysql),
    upsert:
      `insert into ${table} (${names.map(quote).join(', ')}) values (${names.map(placeFor).join(', ')}) ` +
      `on duplicate key update ${assignments(layout, quote, (token) => `last_insert_id(${token})`).join(', ')}`,
    update: updateStatement(changedColumns(layout)),
    ...(layout.revision === undefined && { updateAny: updateStatement(changedColumns(layout), '') }),
    replaceText: updateStatement(textColumns(layout), text),
    fill: updateStatement(filledColumns(layout)),
    touch: touchStatement(layout, table, quote, forms),
    touchFar: touchStatement(layout, table, quote, forms) + farStatement(layout, quote, forms),
    remove: `delete from ${table} where ${sid} = ?`,
  };
}

/** What an insert does where it meets a row. Its bindings are those of `liveBindings`. */
function assignments(layout: Layout, quote: Quote, tell: (token: string) => string): string[] {
  const sid = quote(layout.sid);
  const live = formsOf(layout, mysql).live(quote(layout.expireAt));
  const kept = layout.createdAt === undefined ? [] : [quote(layout.createdAt)];
  // ON DUPLICATE KEY fires for any unique index: a schema column that is unique would make it overwrite the row of another
  // session. The subquery of two rows is an error when it is reached, and it is reached only then.
  const guard = `${sid} = if(${sid} = values(${sid}), ${sid}, (select 1 union select 2))`;
  const token = (revision: string, stored = `coalesce(${revision}, 0)`) =>
    `if(${live}, ${stored} - mod(${stored}, ${RANDOM_SPAN}) + mod(values(${revision}), ${RANDOM_SPAN}), values(${revision}))`;
  return [
    ...(layout.fields.length > 0 ? [guard] : []),
    ...(layout.revision === undefined ? [] : [quote(layout.revision)]).map(
      (revision) => `${revision} = ${tell(token(revision))}`,
    ),
    ...kept.map((column) => `${column} = if(${live}, ${column}, values(${column}))`),
    ...changedColumns(layout).map((name) => `${quote(name)} = values(${quote(name)})`),
  ];
}

async function checkSettings(knex: Knex): Promise<void> {
  const [rows] = await knex.raw('select @@sql_mode as m');
  const [{ m: modes } = { m: '' }] = rows as { m: string }[];
  const { driverName } = knex.client as { driverName?: string };
  const refused = [
    // mysql2 puts values into the text and escapes them with backslashes: a quote in a value would end it.
    ...(driverName === 'mariadb' ? [] : ['NO_BACKSLASH_ESCAPES']),
    'EMPTY_STRING_IS_NULL',
  ].filter((mode) => modes.includes(mode));
  if (refused.length === 0) return;
  throw new KssError(
    'UNSUPPORTED_DATABASE',
    `Values do not come back as they went in under the server's sql_mode ${refused.join(', ')}; ` +
      "take it off, for the connections of this knex at least: set session sql_mode = '…' in pool.afterCreate.",
  );
}

function insertIdOf(result: unknown): number {
  return Number((result as [{ insertId?: number | bigint | string }])[0].insertId ?? 0);
}

/** A text's bytes, in one character set whatever its own is. */
function bytesOf(text: string): string {
  return `cast(convert(${text} using utf8mb4) as binary)`;
}

/** A collation without PAD SPACE, under which `bob` and `bob ` differ; the name depends on whose server it is. */
async function inspect(knex: Knex): Promise<DdlFacts> {
  const [rows] = await knex.raw('select version() as v');
  const [{ v: version } = { v: '' }] = rows as { v: string }[];
  const [, major = '0', minor = '0', patch = '0'] = /(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  const number = Number(major) * 10_000 + Number(minor) * 100 + Number(patch);
  if (/mariadb/i.test(version)) return { binaryCollation: 'utf8mb4_nopad_bin' }; // 10.2.2 and later
  return { binaryCollation: number >= 80_017 ? 'utf8mb4_0900_bin' : 'utf8mb4_bin' };
}

/** The bytes that a column holds (dev.mysql.com, "Data Type Storage Requirements"). */
function roomOf(type: ColumnType, [size]: readonly unknown[]): number | undefined {
  if (type === 'text') return size === 'longtext' ? undefined : size === 'mediumtext' ? 16_777_215 : 65_535;
  if (type !== 'binary') return undefined;
  return typeof size === 'number' ? size : 65_535;
}

/** What knex reads from the arguments; without any, the milliseconds of a Date. */
function instantPrecision(args: readonly unknown[]): number {
  return givenPrecision(args, 0) ?? givenPrecision(args, 1) ?? 3;
}

/** The column that a message names, with its table and database before it or not. */
function columnIn(message: string): string | undefined {
  const [, name] = /(?:column|field) ((?:['`][^'`]*['`]\.?)+)/i.exec(message) ?? [];
  return name?.replaceAll(/['`]/g, '').split('.').pop();
}

/** The decimals of a decimal string. */
function decimalsOf(value: unknown): number {
  return String(value).split('.')[1]?.length ?? 0;
}

/** An app may have its driver give undefined for NULL. */
function wholeNumber(value: number | string | null | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

interface InformationRow {
  readonly o: string;
  readonly n: string;
  readonly t: string;
  readonly l: number | string | null;
  readonly d: number | string | null;
  readonly c: string | null;
}

interface IndexPart {
  /** Its table, its index, its column, its place in the index. */
  readonly o: string;
  readonly i: string;
  readonly n: string;
  readonly p: number | string;
  /** 1 where values may repeat. */
  readonly d: number | string;
  /** Characters that are indexed, where not all are. */
  readonly s: number | string | null;
}

// Numbers, not names: MariaDB and MySQL give some of them different names, and drivers know one server's.
// Row changed meanwhile, lock wait timeout, deadlock; rolled back by a group whose other member was faster.
const TRANSIENT = new Set([1020, 1205, 1213, 3101]);
const EXISTS = new Set([1050, 1061]); // table, key name
const UNIQUE = new Set([1062, 1242]); // duplicate entry; the guard of the upsert
// Of a server that only reads: no primary yet, or no longer.
const REFUSED = new Set([1290, 1792, 1836]);
// Of no use any more, though another connection may be.
const BROKEN = new Set([
  ...[1053, 1077, 1927], // shutdown in progress, normal shutdown, connection killed
  ...[1047, 1180], // a node that is not, or no longer, one of its cluster: at any statement, or in its commit
  ...REFUSED,
  ...[45001, 45004, 45009, 45013, 45026], // what MariaDB's own driver says of its sockets
]);
const VALUE = new Set([
  1048, // null
  1264, // out of range
  1265, // truncated
  1292, // wrong value, such as a date
  1364, // no default
  1366, // wrong value for the column
  1406, // too long
  1452, // refers to nothing
  3140, // no JSON
  3157, // JSON too deep
  3819, // check (MySQL)
  4025, // check (MariaDB)
]);

const STALE = new Set([1243, 1295, 1461, 1615]); // what the server, or a proxy before it, does not keep compiled

/** Error numbers: dev.mysql.com, "Server Error Message Reference"; mariadb.com/kb, "MariaDB Error Codes". */
function failure(error: unknown): Failure {
  const number = Number((error as { errno?: unknown } | undefined)?.errno);
  const message = error instanceof Error ? error.message : '';
  if (TRANSIENT.has(number)) return { kind: 'transient' };
  if (STALE.has(number)) return { kind: 'stale' };
  if (EXISTS.has(number)) return { kind: 'exists' };
  if (UNIQUE.has(number)) return { kind: 'unique', column: /for key '([^']*)'/.exec(message)?.[1] };
  if (VALUE.has(number)) return { kind: 'value', column: columnIn(message) };
  const broken = BROKEN.has(number) || codeOf(error) === 'PROTOCOL_CONNECTION_LOST' || connectionBroke(error);
  return { kind: broken ? 'broken' : 'other', refused: REFUSED.has(number) };
}
