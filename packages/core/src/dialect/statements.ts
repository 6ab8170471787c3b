import {
  ALIAS,
  changedColumns,
  type Field,
  fieldAlias,
  filledColumns,
  type Layout,
  rowColumns,
  textColumns,
  touchedColumns,
} from '../layout.js';
import { RANDOM_SPAN } from '../token.js';
import type { ColumnType } from '../types.js';
import type { BatchStatements, Dialect, Quote, Statements } from './dialect.js';

/** The statements of the databases that have `on conflict` and `returning`. */
export function returningStatements(
  layout: Layout,
  table: string,
  quote: Quote,
  readColumn: ReadColumn,
  placeholder: (field: Field) => string = () => '?',
): Statements {
  const fields = new Map(layout.fields.map((field) => [field.name, field]));
  const placeFor = (name: string) => {
    const field = fields.get(name);
    return field === undefined ? '?' : placeholder(field);
  };
  const sid = quote(layout.sid);
  const expireAt = quote(layout.expireAt);
  const revision = quote(layout.revision);
  // NULL where another program inserted the row into a table that allows it.
  const stored = (column: string) => `coalesce(${column}, 0)`;
  const columns = rowColumns(layout).map(quote);
  const returning = `returning ${revision} as ${quote(ALIAS.revision)}`;
  const updateStatement = (names: readonly string[]) =>
    `update ${table} set ${names.map((name) => `${quote(name)} = ${placeFor(name)}`).join(', ')}, ` +
    `${revision} = ${stored(revision)} - ${stored(revision)} % ${RANDOM_SPAN} + ? ` +
    `where ${sid} = ? and ${expireAt} > ? and ${stored(revision)} between ? and ? ${returning}`;
  return {
    read: readStatement(layout, table, quote, readColumn),
    upsert:
      `insert into ${table} as t (${columns.join(', ')}) values (${rowColumns(layout).map(placeFor).join(', ')}) ` +
      `${onConflict(layout, quote)} ${returning}`,
    update: updateStatement(changedColumns(layout)),
    replaceText: updateStatement(textColumns(layout)),
    fill: updateStatement(filledColumns(layout)),
    touch: touchStatement(layout, table, quote),
    touchFar: touchStatement(layout, table, quote) + farStatement(layout, quote),
    remove: `delete from ${table} where ${sid} = ?`,
  };
}

/** What an insert does where it meets a row. Its bindings: now, and now again where the layout has timestamps. */
export function onConflict(layout: Layout, quote: Quote): string {
  const revision = quote(layout.revision);
  const stored = `coalesce(t.${revision}, 0)`;
  const live = `t.${quote(layout.expireAt)} > ?`;
  const kept = layout.createdAt === undefined ? [] : [quote(layout.createdAt)];
  const sets = [
    `${revision} = case when ${live} then ${stored} - ${stored} % ${RANDOM_SPAN} + excluded.${revision} % ${RANDOM_SPAN} else excluded.${revision} end`,
    ...kept.map((column) => `${column} = case when ${live} then t.${column} else excluded.${column} end`),
    ...changedColumns(layout).map((name) => `${quote(name)} = excluded.${quote(name)}`),
  ];
  return `on conflict (${quote(layout.sid)}) do update set ${sets.join(', ')}`;
}

/** The row of one live session, under the aliases. */
export function readStatement(layout: Layout, table: string, quote: Quote, readColumn: ReadColumn): string {
  const columns = readColumns(layout, quote, readColumn).join(', ');
  return `select ${columns} from ${table} where ${quote(layout.sid)} = ? and ${quote(layout.expireAt)} > ?`;
}

/** The rows of live sessions, each with its key. `among`: the condition that the key is one of those meant. */
export function readManyStatement(
  layout: Layout,
  table: string,
  quote: Quote,
  readColumn: ReadColumn,
  among: string,
): string {
  const columns = [`${quote(layout.sid)} as ${quote(ALIAS.sid)}`, ...readColumns(layout, quote, readColumn)];
  return `select ${columns.join(', ')} from ${table} where ${quote(layout.sid)} ${among} and ${quote(layout.expireAt)} > ?`;
}

/** Key and token of live sessions. */
export function tokensStatement(layout: Layout, table: string, quote: Quote, among: string): string {
  return (
    `select ${quote(layout.sid)} as ${quote(ALIAS.sid)}, ${quote(layout.revision)} as ${quote(ALIAS.revision)} ` +
    `from ${table} where ${quote(layout.sid)} ${among} and ${quote(layout.expireAt)} > ?`
  );
}

/** Reads and deletes by a list of keys, for databases whose writes go one row at a time. */
export function listStatements(layout: Layout, table: string, quote: Quote, readColumn: ReadColumn): BatchStatements {
  const among = (keys: readonly string[]) => `in (${keys.map(() => '?').join(', ')})`;
  return {
    read: (keys, now) => ({
      sql: readManyStatement(layout, table, quote, readColumn, among(keys)),
      bindings: [...keys, now],
    }),
    remove: (keys) => ({ sql: `delete from ${table} where ${quote(layout.sid)} ${among(keys)}`, bindings: keys }),
    tokens: (keys, now) => ({ sql: tokensStatement(layout, table, quote, among(keys)), bindings: [...keys, now] }),
  };
}

type ReadColumn = (type: ColumnType, column: string) => string;

function readColumns(layout: Layout, quote: Quote, readColumn: ReadColumn): string[] {
  return [
    `${quote(layout.expireAt)} as ${quote(ALIAS.expireAt)}`,
    `${quote(layout.revision)} as ${quote(ALIAS.revision)}`,
    `${quote(layout.additional)} as ${quote(ALIAS.additional)}`,
    ...layout.owned.map((field, i) => `${readColumn(field.type, quote(field.name))} as ${quote(fieldAlias(i))}`),
  ];
}

/** Moves the expiry of one live row. `output`: what stands between the assignments and the condition. */
export function touchStatement(layout: Layout, table: string, quote: Quote, output = ''): string {
  const sets = touchedColumns(layout).map((name) => `${quote(name)} = ?`);
  return `update ${table} set ${sets.join(', ')}${output} where ${quote(layout.sid)} = ? and ${quote(layout.expireAt)} > ?`;
}

/** What a touch adds that is written only where it moves the expiry by enough. */
export function farStatement(layout: Layout, quote: Quote): string {
  return ` and (${quote(layout.expireAt)} <= ? or ${quote(layout.expireAt)} > ?)`;
}

/** The token in the row that `returning` gave. */
export function returnedToken(dialect: Pick<Dialect, 'rows'>, result: unknown): number | undefined {
  const row = dialect.rows(result)[0];
  return row === undefined ? undefined : Number(row[ALIAS.revision]);
}
