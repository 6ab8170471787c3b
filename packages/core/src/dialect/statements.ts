import { ALIAS, changedColumns, fieldAlias, type Layout, rowColumns, textColumns, touchedColumns } from '../layout.js';
import { RANDOM_SPAN } from '../token.js';
import type { ColumnType } from '../types.js';
import type { Dialect, Quote, Statements } from './dialect.js';

/** The statements of the databases that have `on conflict` and `returning`. */
export function returningStatements(
  layout: Layout,
  table: string,
  quote: Quote,
  readColumn: (type: ColumnType, column: string) => string,
): Statements {
  const sid = quote(layout.sid);
  const expireAt = quote(layout.expireAt);
  const revision = quote(layout.revision);
  // NULL where another program inserted the row into a table that allows it.
  const stored = (column: string) => `coalesce(${column}, 0)`;
  const columns = rowColumns(layout).map(quote);
  const kept = layout.createdAt === undefined ? [] : [quote(layout.createdAt)];
  const live = `t.${expireAt} > ?`;
  const sets = [
    `${revision} = case when ${live} then ${stored(`t.${revision}`)} - ${stored(`t.${revision}`)} % ${RANDOM_SPAN} + excluded.${revision} % ${RANDOM_SPAN} else excluded.${revision} end`,
    ...kept.map((column) => `${column} = case when ${live} then t.${column} else excluded.${column} end`),
    ...changedColumns(layout).map((name) => `${quote(name)} = excluded.${quote(name)}`),
  ];
  const returning = `returning ${revision} as ${quote(ALIAS.revision)}`;
  const updateStatement = (names: readonly string[]) =>
    `update ${table} set ${names.map((name) => `${quote(name)} = ?`).join(', ')}, ` +
    `${revision} = ${stored(revision)} - ${stored(revision)} % ${RANDOM_SPAN} + ? ` +
    `where ${sid} = ? and ${expireAt} > ? and ${stored(revision)} between ? and ? ${returning}`;
  return {
    read: readStatement(layout, table, quote, readColumn),
    upsert:
      `insert into ${table} as t (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')}) ` +
      `on conflict (${sid}) do update set ${sets.join(', ')} ${returning}`,
    update: updateStatement(changedColumns(layout)),
    replaceText: updateStatement(textColumns(layout)),
    touch: touchStatement(layout, table, quote),
    remove: `delete from ${table} where ${sid} = ?`,
  };
}

/** The row of one live session, under the aliases. */
export function readStatement(
  layout: Layout,
  table: string,
  quote: Quote,
  readColumn: (type: ColumnType, column: string) => string,
): string {
  const list = [
    `${quote(layout.expireAt)} as ${quote(ALIAS.expireAt)}`,
    `${quote(layout.revision)} as ${quote(ALIAS.revision)}`,
    `${quote(layout.additional)} as ${quote(ALIAS.additional)}`,
    ...layout.owned.map((field, i) => `${readColumn(field.type, quote(field.name))} as ${quote(fieldAlias(i))}`),
  ];
  return `select ${list.join(', ')} from ${table} where ${quote(layout.sid)} = ? and ${quote(layout.expireAt)} > ?`;
}

/** Moves the expiry of one live row. */
export function touchStatement(layout: Layout, table: string, quote: Quote): string {
  const sets = touchedColumns(layout).map((name) => `${quote(name)} = ?`);
  return `update ${table} set ${sets.join(', ')} where ${quote(layout.sid)} = ? and ${quote(layout.expireAt)} > ?`;
}

/** The token in the row that `returning` gave. */
export function returnedToken(dialect: Pick<Dialect, 'rows'>, result: unknown): number | undefined {
  const row = dialect.rows(result)[0];
  return row === undefined ? undefined : Number(row[ALIAS.revision]);
}
