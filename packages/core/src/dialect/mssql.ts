import type { Knex } from 'knex';
import { changedColumns, filledColumns, type Layout, rowColumns, textColumns } from '../layout.js';
import { RANDOM_SPAN } from '../token.js';
import { type Families, plainColumn, TEXT_TYPES, unfitCollation, unfitColumn, WHOLE_TYPES } from './columns.js';
import type { ColumnInfo, Dialect, Failure, Quote, Statements } from './dialect.js';
import { codeOf, connectionBroke } from './failures.js';
import { formsOf } from './forms.js';
import { contentConditions } from './same-content.js';
import { farStatement, listStatements, ownPlace, readStatement, returnedToken, touchStatement } from './statements.js';

/** It compares code points, as every `_BIN2` collation of Unicode text does (learn.microsoft.com, "Collation and Unicode support"). */
const BINARY = 'Latin1_General_100_BIN2';

// sys.types.name
const FAMILIES: Families = {
  text: /char|text/,
  integers: /^bigint|decimal|numeric/,
  numbers: /int|decimal|numeric|float|real/,
  doubles: /^float/,
  booleans: /^bit$/,
  instants: /^datetime(2|offset)$/, // the old ones keep 3 ms at best
  days: /^date$/,
  times: /^time$/,
  JSON: /char|text|json/,
  bytes: /varbinary|image/, // the other one pads
  UUIDs: /uniqueidentifier|char/,
};

/** Microsoft SQL Server, through tedious. */
export const mssql: Dialect = {
  name: 'SQL Server',
  hasSchemas: true,
  transactionalDdl: true,
  altersColumns: true,
  countsMatched: true,
  mostBindings: 2000, // of 2,100 parameters
  batchesWrites: false,

  statements,
  batches: (_, layout, table, quote) => listStatements(layout, table, quote, mssql),
  reached: () => undefined,
  rows: (result) => (Array.isArray(result) ? result : []),
  // knex gives the rows of a raw statement and not how many it reached, so what is counted sends a row for each.
  affected: (result) => mssql.rows(result).length,
  upsertedToken: (result, sent) => returnedToken(mssql, result) ?? sent,
  updatedToken: (result) => returnedToken(mssql, result),

  instantUnit: 1000,
  seconds: (ms, more) => `(convert(bigint, ${ms}) + ${more}) / 1000`,
  atMost: (ms, latest) =>
    `(select min(n) from (values (convert(bigint, ${ms})), (convert(bigint, ${latest}))) as m (n))`,
  // The wall clock of UTC. DATEADD takes no more than an int, so the days since 1900 become an old DATETIME, which is 4 ms wrong at most.
  writeInstant: (since, unit) =>
    `convert(datetime2(${unit === 1 ? 3 : 0}), convert(datetime, convert(float, ${since}) / ${86_400_000 / unit} + 25567))`,
  readInstant: (column) => `datediff_big(millisecond, '1970-01-01', ${column})`,
  writeJson: (text) => text,
  sameText: (column, text) => same(`${column} + N'|' collate ${BINARY}`, `${text} + N'|' collate ${BINARY}`),
  sameValue(type, column) {
    const as = (sqlType: string) => same(`convert(${sqlType}, ${column})`, `convert(${sqlType}, ?)`);
    if (type === 'binary') return as('varbinary(max)');
    if (type === 'boolean') return as('bit');
    if (type === 'double' || WHOLE_TYPES.has(type)) return as('float');
    const text = (given: string) => `convert(nvarchar(max), ${given})`;
    if (type === 'uuid') return same(`lower(${text(column)})`, `lower(${text('?')})`);
    return mssql.sameText(text(mssql.readColumn(type, column)), text('?'));
  },
  asRead: (type, value) =>
    type === 'binary' || type === 'boolean' || type === 'double' || WHOLE_TYPES.has(type) ? value : String(value),
  // Styles: learn.microsoft.com, "CAST and CONVERT".
  readColumn(type, column) {
    switch (type) {
      case 'date':
        return `convert(nvarchar(10), ${column}, 23)`;
      case 'datetime':
      case 'timestamp':
        return `convert(nvarchar(33), ${column}, 126)`;
      case 'time':
        return `convert(nvarchar(8), ${column}, 108)`;
      case 'bigInteger':
      case 'decimal':
        return `convert(nvarchar(41), ${column})`;
      default:
        return column;
    }
  },
  // The wall clock of UTC, in a column without a zone.
  bindValue: (_, value) => (value instanceof Date ? value.toISOString().slice(0, -1) : value),
  equals(type, column, value) {
    if (TEXT_TYPES.has(type)) {
      // Trailing spaces do not count in a comparison, whatever the collation: a mark at the end makes them count.
      const exact = `${column} + N'|' = ? + N'|' collate ${BINARY}`;
      return { sql: `(${column} = ? and ${exact})`, bindings: [value, value] };
    }
    if (type === 'bigInteger') return { sql: `${column} = convert(bigint, ?)`, bindings: [value] };
    if (type === 'decimal') {
      const [, decimals = ''] = String(value).split('.');
      return { sql: `${column} = convert(decimal(38, ${decimals.length}), ?)`, bindings: [value] };
    }
    return { sql: `${column} = ?`, bindings: [value] };
  },
  deleteExpired(layout, table, quote, now, limit) {
    const expireAt = quote(layout.expireAt);
    return {
      sql: `delete top (?) from ${table} output deleted.${expireAt} where ${formsOf(layout, mssql).over(expireAt)}`,
      bindings: [limit, now],
    };
  },

  ownColumn: (table, role, name) => table.specificType(name, text(role === 'sid' ? 255 : 'max')),
  instantColumn: (table, name) => table.datetime(name),
  schemaColumn,
  async describe(knex, { quoted }) {
    const rows = await knex.raw(
      'select c.name as n, t.name as t, c.max_length as l, c.collation_name as c, ' +
        "case when t.name in ('decimal', 'numeric', 'datetime2', 'datetimeoffset') then c.scale end as d, " +
        `case when exists (${INDEXES} and i.has_filter = 0 and i.is_unique = 1 and 1 = (select count(*) from sys.index_columns o ` +
        'where o.object_id = i.object_id and o.index_id = i.index_id and o.is_included_column = 0)) then 1 else 0 end as u, ' +
        `case when exists (${INDEXES} and k.key_ordinal = 1) then 1 else 0 end as i ` +
        'from sys.columns c join sys.types t on t.user_type_id = c.user_type_id where c.object_id = object_id(?)',
      [quoted],
    );
    return (rows as InformationRow[]).map(columnInfo);
  },
  unfit(need, column) {
    const unfit = unfitColumn(FAMILIES, need, column);
    if (unfit !== undefined || need.role !== 'sid' || /_BIN2?$/.test(column.collation ?? '_BIN2')) return unfit;
    return unfitCollation(String(column.collation), true);
  },

  failure,
  withoutValues: (message) =>
    message
      .replace(/ ?The duplicate key value is .*$/s, '')
      .replace(/ ?Truncated value: .*$/s, '')
      .replace(/(converting the \w+ value) '.*'/s, '$1'),
};

/**
 * MERGE is one statement, and without HOLDLOCK two of them can both find no row and both insert (learn.microsoft.com, "MERGE
 * (Transact-SQL)", on locking hints).
 */
function statements(layout: Layout, table: string, quote: Quote): Statements {
  const sid = quote(layout.sid);
  const expireAt = quote(layout.expireAt);
  const forms = formsOf(layout, mssql);
  const revision = layout.revision === undefined ? undefined : quote(layout.revision);
  const stored = (column: string) => `coalesce(${column}, 0)`; // NULL where another program inserted the row into a table that allows it
  const names = rowColumns(layout);
  const columns = names.map(quote);
  const kept = layout.createdAt === undefined ? [] : [quote(layout.createdAt)];
  // A NULL arrives as text, which does not become bytes by itself.
  const bytes = new Set(layout.fields.filter(({ type }) => type === 'binary').map(({ name }) => name));
  const place = (name: string) => (bytes.has(name) ? 'convert(varbinary(max), ?)' : ownPlace(layout, forms, name));
  const live = forms.live(`t.${expireAt}`);
  const sets = [
    ...(revision === undefined
      ? []
      : [
          `t.${revision} = case when ${live} then ${stored(`t.${revision}`)} - ${stored(`t.${revision}`)} % ${RANDOM_SPAN} + v.${revision} % ${RANDOM_SPAN} else v.${revision} end`,
        ]),
    ...kept.map((column) => `t.${column} = case when ${live} then t.${column} else v.${column} end`),
    ...changedColumns(layout).map((name) => `t.${quote(name)} = v.${quote(name)}`),
  ];
  const output = revision === undefined ? '' : ` output inserted.${revision} as [r]`;
  const { text: sameText, content } = contentConditions(layout, quote, mssql);
  const updateStatement = (changed: readonly string[], same = content) => {
    const sets = changed.map((name) => `${quote(name)} = ${place(name)}`).join(', ');
    const meant = `where ${sid} = ? and ${forms.live(expireAt)}`;
    if (revision === undefined) return `update ${table} set ${sets} output 1 as [r] ${meant}${same}`;
    return (
      `update ${table} set ${sets}, ` +
      `${revision} = ${stored(revision)} - ${stored(revision)} % ${RANDOM_SPAN} + ?${output} ` +
      `${meant} and ${stored(revision)} between ? and ?`
    );
  };
  const touch = touchStatement(layout, table, quote, forms, ` output inserted.${expireAt}`);
  return {
    read: readStatement(layout, table, quote, mssql),
    upsert:
      `merge into ${table} with (holdlock) as t using (values (${names.map(place).join(', ')})) as v (${columns.join(', ')}) ` +
      `on t.${sid} = v.${sid} collate ${BINARY} when matched then update set ${sets.join(', ')} ` +
      `when not matched then insert (${columns.join(', ')}) values (${columns.map((column) => `v.${column}`).join(', ')})${output};`,
    update: updateStatement(changedColumns(layout)),
    ...(revision === undefined && { updateAny: updateStatement(changedColumns(layout), '') }),
    replaceText: updateStatement(textColumns(layout), sameText),
    fill: updateStatement(filledColumns(layout)),
    touch,
    touchFar: touch + farStatement(layout, quote, forms),
    remove: `delete from ${table} where ${sid} = ?`,
  };
}

/** Whether two values are one, or both NULL: its `=` says neither of NULLs. */
function same(one: string, other: string): string {
  return `exists (select ${one} intersect select ${other})`;
}

function text(length: number | 'max'): string {
  return `nvarchar(${typeof length === 'number' && length > 4000 ? 'max' : length}) collate ${BINARY}`;
}

function schemaColumn(
  table: Knex.CreateTableBuilder,
  field: Parameters<Dialect['schemaColumn']>[1],
): Knex.ColumnBuilder {
  const { type, name, args } = field;
  const [first] = args;
  if (type === 'string') return table.specificType(name, text(typeof first === 'number' ? first : 255));
  if (type === 'text') return table.specificType(name, text('max'));
  if (type === 'enum') {
    const longest = Math.max(1, ...(first as readonly string[]).map((allowed) => allowed.length));
    return table.specificType(name, text(longest));
  }
  if (type === 'tinyint') return table.smallint(name); // its own has no sign
  return plainColumn(table, field);
}

// knex leaves the NULLs out of a unique index, by a filter.
const INDEXES =
  'select 1 from sys.indexes i join sys.index_columns k on k.object_id = i.object_id and k.index_id = i.index_id ' +
  'where i.object_id = c.object_id and k.column_id = c.column_id and k.is_included_column = 0';

interface InformationRow {
  readonly n: string;
  readonly t: string;
  /** Bytes; -1 for max. */
  readonly l: number;
  readonly d: number | null;
  readonly c: string | null;
  readonly u: number;
  readonly i: number;
}

function columnInfo({ n, t, l, d, c, u, i }: InformationRow): ColumnInfo {
  const characters = /^n(var)?char$/.test(t) ? l / 2 : l;
  return {
    name: n,
    type: t.toLowerCase(),
    length: l === -1 || !/char/.test(t) ? null : characters,
    decimals: d,
    collation: c,
    unique: u === 1,
    indexed: i === 1,
  };
}

const TRANSIENT = new Set([1205, 1222, 3960, 3961, 41302, 41305, 41325]); // deadlock, lock timeout, snapshot and validation conflicts
const EXISTS = new Set([1913, 2714]); // index, object
const UNIQUE = new Set([2601, 2627]);
const VALUE = new Set([
  220, // arithmetic overflow
  241, // no date or time
  242, // out of a date's range
  245, // conversion failed
  515, // null
  547, // check, or refers to nothing
  2628, // truncated, with the column
  8114, // conversion of a type
  8115, // arithmetic overflow
  8152, // truncated
  8169, // no uniqueidentifier
]);
const BROKEN = new Set([596, 6005, 10053, 10054, 10060]); // session killed, shutdown, the transport's own

/** Error numbers: learn.microsoft.com, "Database Engine events and errors". */
function failure(error: unknown): Failure {
  const number = Number((error as { number?: unknown } | undefined)?.number);
  const message = error instanceof Error ? error.message : '';
  if (TRANSIENT.has(number)) return { kind: 'transient' };
  if (EXISTS.has(number)) return { kind: 'exists' };
  if (UNIQUE.has(number)) return { kind: 'unique', column: /(?:constraint|unique index) '([^']*)'/.exec(message)?.[1] };
  if (VALUE.has(number)) return { kind: 'value', column: /column '([^']*)'/.exec(message)?.[1] };
  const broken = BROKEN.has(number) || /^E(SOCKET|CONNCLOSED)$/.test(codeOf(error)) || connectionBroke(error);
  return { kind: broken ? 'broken' : 'other' };
}
