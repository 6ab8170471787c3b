import type { Knex } from 'knex';
import { changedColumns, filledColumns, type Layout, liveBindings, rowColumns, textColumns } from '../layout.js';
import { RANDOM_SPAN } from '../token.js';
import type { ColumnType } from '../types.js';
import { type Families, givenPrecision, plainColumn, unfitColumn, unfitPrecision } from './columns.js';
import type { Dialect, Failure, Quote, Statements } from './dialect.js';
import { codeOf, connectionBroke } from './failures.js';
import { type Forms, formsOf } from './forms.js';
import { contentConditions } from './same-content.js';
import { farStatement, listStatements, ownPlace, readStatement, touchStatement } from './statements.js';

// all_tab_columns.data_type
const FAMILIES: Families = {
  text: /char|clob/,
  integers: /^number|integer/,
  numbers: /number|float|double|integer/,
  doubles: /double|float|^number/,
  booleans: /^number|boolean/,
  instants: /^timestamp.*time zone/,
  days: /^date$/,
  times: /char/,
  JSON: /char|clob|json/,
  bytes: /blob|raw/,
  UUIDs: /char/,
};

/** Types whose columns are large objects. */
const CLOB_TYPES: ReadonlySet<ColumnType> = new Set(['text', 'json', 'jsonb']);

const INSTANT = 'YYYY-MM-DD"T"HH24:MI:SS.FF3';

/** Oracle Database, through node-oracledb. */
export const oracle: Dialect = {
  name: 'Oracle',
  hasSchemas: false,
  transactionalDdl: false,
  altersColumns: true,
  countsMatched: true,
  mostBindings: 1000, // the most that a list has
  batchesWrites: false,

  statements,
  query,
  batches: (_, layout, table, quote) => listStatements(layout, table, quote, oracle),
  reached: () => undefined,
  rows: (result) => (Array.isArray(result) ? result : []),
  // What the blocks below send back.
  affected: (result) => Number((result as unknown[])[0] ?? 0),
  upsertedToken: (result, sent) => oracle.updatedToken(result) ?? sent,
  updatedToken(result) {
    const [token] = result as unknown[];
    return token === null || token === undefined ? undefined : Number(token);
  },

  instantUnit: 1,
  seconds: (ms, more) => `floor((${ms} + ${more}) / 1000)`,
  atMost: (ms, latest) => `least(${ms}, ${latest})`,
  writeInstant: (since, unit) =>
    `timestamp '1970-01-01 00:00:00 UTC' + numtodsinterval((${since})${unit === 1 ? ' / 1000' : ''}, 'SECOND')`,
  readInstant(column) {
    const utc = `sys_extract_utc(${column})`;
    const part = (name: string, ms: number) => `extract(${name} from ${utc}) * ${ms}`;
    const days = `(trunc(cast(${utc} as date)) - date '1970-01-01') * 86400000`;
    return `round(${days} + ${part('hour', 3_600_000)} + ${part('minute', 60_000)} + ${part('second', 1000)})`;
  },
  writeJson: (text) => text,
  // A CLOB has no equality, and its comparison says nothing of NULL, which is an empty text when it stands behind another one.
  sameText: (column, text) => `dbms_lob.compare(to_clob('|') || ${column}, to_clob('|') || ${text}) = 0`,
  sameValue(type, column) {
    if (CLOB_TYPES.has(type)) return oracle.sameText(column, '?');
    // A BLOB has none either, and stands behind no other one.
    return type === 'binary' ? undefined : `decode(${oracle.readColumn(type, column)}, ?, 1, 0) = 1`;
  },
  asRead: (type, value) =>
    type === 'bigInteger' || type === 'decimal' ? String(value) : oracle.bindValue(type, value),
  readColumn(type, column) {
    switch (type) {
      case 'date':
        return `to_char(${column}, 'YYYY-MM-DD')`;
      case 'datetime':
      case 'timestamp':
        return `to_char(${column} at time zone 'UTC', '${INSTANT}"Z"')`;
      case 'bigInteger':
      case 'decimal':
        return `to_char(${column}, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')`;
      default:
        return column;
    }
  },
  bindValue(type, value) {
    if (value === '') return null; // an empty text is NULL to Oracle
    if (type === 'boolean') return value ? 1 : 0;
    return value instanceof Date ? value.toISOString().replace('Z', '+00:00') : value;
  },
  refuse: (type, args, value) =>
    type === 'datetime' || type === 'timestamp' ? unfitPrecision(givenPrecision(args, 1) ?? 3, value) : undefined,
  equals(type, column, value) {
    // A CLOB has no equality.
    if (type === 'text') return { sql: `dbms_lob.compare(${column}, to_clob(?)) = 0`, bindings: [value] };
    if (type === 'binary') return { sql: `dbms_lob.compare(${column}, to_blob(?)) = 0`, bindings: [value] };
    return { sql: `${column} = ${placeholder(type)}`, bindings: [value] };
  },
  deleteExpired: (layout, table, quote, now, limit) => ({
    sql: `begin delete from ${table} where ${formsOf(layout, oracle).over(quote(layout.expireAt))} and rownum <= ?; ${COUNT}`,
    bindings: [now, limit],
  }),

  ownColumn: (table, role, name) => table.specificType(name, role === 'sid' ? 'varchar2(255 char)' : 'clob'),
  instantColumn: (table, name) => table.timestamp(name),
  schemaColumn(table, field) {
    const { type, name, args } = field;
    const [first] = args;
    switch (type) {
      case 'string':
        // Characters, where the default of the server may be bytes.
        return table.specificType(name, `varchar2(${typeof first === 'number' ? first : 255} char)`);
      case 'datetime':
      case 'timestamp':
        return table.specificType(name, `timestamp(${givenPrecision(args, 1) ?? 3}) with local time zone`);
      case 'double':
        return table.specificType(name, 'binary_double'); // knex would round it to two decimals
      case 'time':
        return table.specificType(name, 'varchar2(8)'); // there is no time without a day
      case 'json':
      case 'jsonb':
        return table.specificType(name, 'clob'); // knex would make it 4,000 bytes
      default:
        return plainColumn(table, field);
    }
  },
  async describe(knex, { bare }) {
    const rows = await knex.raw(
      'select c.column_name as "n", c.data_type as "t", c.char_length as "l", c.data_scale as "d", ' +
        `case when exists (${INDEXES} and i.uniqueness = 'UNIQUE' and 1 = (select count(*) from all_ind_columns o ` +
        'where o.index_owner = k.index_owner and o.index_name = k.index_name)) then 1 else 0 end as "u", ' +
        `case when exists (${INDEXES} and k.column_position = 1) then 1 else 0 end as "i" ` +
        "from all_tab_columns c where c.owner = sys_context('USERENV', 'CURRENT_SCHEMA') and c.table_name = ?",
      [bare],
    );
    return (rows as InformationRow[]).map(({ n, t, l, d, u, i }) => ({
      name: n,
      type: t.toLowerCase(),
      length: /CHAR/.test(t) ? l : null,
      decimals: d,
      collation: null,
      unique: u === 1,
      indexed: i === 1,
    }));
  },
  unfit: (need, column) => unfitColumn(FAMILIES, need, column),

  failure,
  // From 23ai on, a second line quotes the row.
  withoutValues: (message) => message.replace(/\s*ORA-03301.*$/s, ''),
};

const COUNT = '? := sql%rowcount; commit; end;';

/**
 * knex tells of a raw statement neither how many rows it reached nor what RETURNING gave, so each is a PL/SQL block that
 * sends one number back in its last binding. knex does not commit a statement with such a binding: the block does.
 */
function statements(layout: Layout, table: string, quote: Quote): Statements {
  const sid = quote(layout.sid);
  const forms = formsOf(layout, oracle);
  const live = forms.live(quote(layout.expireAt));
  const revision = layout.revision === undefined ? undefined : quote(layout.revision);
  const stored = `coalesce(${revision}, 0)`; // NULL where another program inserted the row into a table that allows it
  const names = rowColumns(layout);
  const types = new Map(layout.fields.map(({ name, type }) => [name, type]));
  const placeFor = (name: string) => {
    const type = types.get(name);
    return type === undefined ? ownPlace(layout, forms, name) : placeholder(type);
  };
  const { text, content } = contentConditions(layout, quote, oracle);
  const updateStatement = (changed: readonly string[], same = content) => {
    const sets = changed.map((name) => `${quote(name)} = ${placeFor(name)}`).join(', ');
    if (revision === undefined)
      return `begin update ${table} set ${sets} where ${sid} = ? and ${live}${same}; ? := nullif(sql%rowcount, 0); commit; end;`;
    return (
      `declare kss_r number; begin update ${table} set ${sets}, ` +
      `${revision} = ${stored} - mod(${stored}, ${RANDOM_SPAN}) + ? ` +
      `where ${sid} = ? and ${live} and ${stored} between ? and ? returning ${revision} into kss_r; ? := kss_r; commit; end;`
    );
  };
  const touch = touchStatement(layout, table, quote, forms);
  return {
    read: readStatement(layout, table, quote, oracle),
    upsert: upsertBlock(layout, table, quote, names, placeFor, forms),
    update: updateStatement(changedColumns(layout)),
    ...(revision === undefined && { updateAny: updateStatement(changedColumns(layout), '') }),
    replaceText: updateStatement(textColumns(layout), text),
    fill: updateStatement(filledColumns(layout)),
    touch: `begin ${touch}; ${COUNT}`,
    touchFar: `begin ${touch}${farStatement(layout, quote, forms)}; ${COUNT}`,
    remove: `delete from ${table} where ${sid} = ?`,
  };
}

/** Update; else insert; where another insert was faster, update again. Variables take each value once, as its column has it.
 * Their names are such that no column has them: in SQL, a column's name counts before a variable's. */
function upsertBlock(
  layout: Layout,
  table: string,
  quote: Quote,
  names: readonly string[],
  placeFor: (name: string) => string,
  forms: Forms,
): string {
  const variable = (name: string) => `kss_${names.indexOf(name)}`;
  const declared = names.map((name) => `${variable(name)} ${table}.${quote(name)}%type := ${placeFor(name)};`);
  const kept = layout.createdAt === undefined ? [] : [quote(layout.createdAt)];
  const revision = layout.revision === undefined ? undefined : quote(layout.revision);
  const sent = layout.revision === undefined ? 'null' : variable(layout.revision);
  const live = forms.live(quote(layout.expireAt), 'kss_now');
  const sets = [
    ...(revision === undefined
      ? []
      : [
          `${revision} = case when ${live} then coalesce(${revision}, 0) - mod(coalesce(${revision}, 0), ${RANDOM_SPAN}) + mod(${sent}, ${RANDOM_SPAN}) else ${sent} end`,
        ]),
    ...kept.map(
      (column) =>
        `${column} = case when ${live} then ${column} else ${revision === undefined ? 'kss_now' : 'kss_born'} end`,
    ),
    ...changedColumns(layout).map((name) => `${quote(name)} = ${variable(name)}`),
  ];
  const returning = revision === undefined ? '' : ` returning ${revision} into kss_r`;
  const update = `update ${table} set ${sets.join(', ')} where ${quote(layout.sid)} = ${variable(layout.sid)}${returning};`;
  // As many as `liveBindings` gives.
  const nows = ['kss_now', 'kss_born'].slice(0, liveBindings(layout, 0).length).map((name) => `${name} number := ?; `);
  return (
    `declare ${declared.join(' ')} ${nows.join('')}kss_r number; begin ${update} ` +
    `if sql%rowcount = 0 then begin insert into ${table} (${names.map(quote).join(', ')}) ` +
    `values (${names.map(variable).join(', ')}); kss_r := ${sent}; ` +
    `exception when dup_val_on_index then ${update} if sql%rowcount = 0 then raise; end if; end; end if; ? := kss_r; commit; end;`
  );
}

/** A binding, converted by a format of our own instead of the session's. */
function placeholder(type: ColumnType | undefined): string {
  if (type === 'date') return "to_date(?, 'YYYY-MM-DD')";
  if (type === 'datetime' || type === 'timestamp') return `to_timestamp_tz(?, '${INSTANT}TZH:TZM')`;
  if (type === 'bigInteger' || type === 'decimal') {
    return `to_number(?, '${'9'.repeat(38)}D${'9'.repeat(20)}', 'NLS_NUMERIC_CHARACTERS=''.,''')`;
  }
  return '?';
}

/** Adds the binding in which a block sends its number back. */
function query(knex: Knex, { sql, bindings }: { sql: string; bindings: readonly unknown[] }): PromiseLike<unknown> {
  const { driver } = knex.client as { driver?: { BIND_OUT: unknown; NUMBER: unknown } };
  const out = /^(begin|declare) /.test(sql) ? [{ dir: driver?.BIND_OUT, type: driver?.NUMBER }] : [];
  return knex.raw(sql, [...bindings, ...out] as Knex.RawBinding[]);
}

const INDEXES =
  'select 1 from all_indexes i join all_ind_columns k on k.index_owner = i.owner and k.index_name = i.index_name ' +
  'where i.table_owner = c.owner and i.table_name = c.table_name and k.column_name = c.column_name';

interface InformationRow {
  readonly n: string;
  readonly t: string;
  readonly l: number;
  readonly d: number | null;
  readonly u: number;
  readonly i: number;
}

const TRANSIENT = new Set([54, 60, 8177]); // busy, deadlock, cannot serialize
const EXISTS = new Set([955, 1408]); // name in use, column list indexed
const VALUE = new Set([
  1400, // null
  1407, // null
  1438, // larger than the precision
  1722, // no number
  1830, // the picture ends before the text
  1839, // no day of its month
  1840, // the text is too short
  1841, // no year
  1843, // no month
  1847, // no day
  1858, // no digit
  1861, // not as the picture says
  2290, // check
  2291, // refers to nothing
  6502, // numeric or value error in a block
  12899, // too long
]);
// Session killed, not logged on, end of channel, not connected, connection lost, listener gone.
const BROKEN = new Set([28, 1012, 1033, 1089, 3113, 3114, 3135, 12170, 12537, 12547, 12570, 12583]);
// Closed or broken sockets, as node-oracledb says it (its "Error Handling").
const BROKEN_CODE = /^(NJS-(003|500|501|521)|DPI-(1010|1080))/;

/** Error numbers: docs.oracle.com, "Database Error Messages". */
function failure(error: unknown): Failure {
  const number = Number((error as { errorNum?: unknown } | undefined)?.errorNum);
  const message = error instanceof Error ? error.message : '';
  if (TRANSIENT.has(number)) return { kind: 'transient' };
  if (EXISTS.has(number)) return { kind: 'exists' };
  if (number === 1) return { kind: 'unique', column: /constraint \(([^)]*)\)/.exec(message)?.[1] };
  if (VALUE.has(number)) return { kind: 'value', column: /"([^".]+)"\)? ?(?:\(|$)/m.exec(message)?.[1] };
  const broken = BROKEN.has(number) || BROKEN_CODE.test(codeOf(error)) || connectionBroke(error);
  return { kind: broken ? 'broken' : 'other' };
}
