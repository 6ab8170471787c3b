import type { Knex } from 'knex';
import { KssError } from '../errors.js';
import { RANDOM_SPAN } from '../token.js';
import type { ColumnType } from '../types.js';
import {
  type Families,
  givenPrecision,
  plainColumn,
  TEXT_TYPES,
  unfitCollation,
  unfitColumn,
  unfitPrecision,
  WHOLE_TYPES,
} from './columns.js';
import type { DdlFacts, Dialect } from './dialect.js';
import { formsOf } from './forms.js';
import { caseStatements, MOST_UPDATED } from './mysql-batches.js';
import { failure } from './mysql-failures.js';
import { forget, keep, runKept } from './mysql-kept.js';
import { assignments, insertIdStatements } from './mysql-statements.js';

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
    const made = insertIdStatements(layout, table, quote, mysql);
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
      assignments(layout, quote, mysql, (token) => token),
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
