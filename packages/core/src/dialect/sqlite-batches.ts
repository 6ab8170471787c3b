import {
  ALIAS,
  changedColumns,
  changedValues,
  type Layout,
  rowColumns,
  rowValues,
  touchedColumns,
  touchedValues,
} from '../layout.js';
import { RANDOM_SPAN } from '../token.js';
import type { ColumnType } from '../types.js';
import type { BatchStatements, Quote, Sql } from './dialect.js';
import { listStatements, onConflict } from './statements.js';

/** Statements for many rows: an insert of many, and updates from a table of the values (sqlite.org/lang_update.html, UPDATE FROM). */
export function valuesStatements(
  layout: Layout,
  table: string,
  quote: Quote,
  readColumn: (type: ColumnType, column: string) => string,
): BatchStatements {
  const sid = quote(layout.sid);
  const expireAt = quote(layout.expireAt);
  const revision = quote(layout.revision);
  const stored = `coalesce(t.${revision}, 0)`;
  const returning = `returning ${sid} as ${quote(ALIAS.sid)}, ${revision} as ${quote(ALIAS.revision)}`;
  const columns = rowColumns(layout);
  const changed = changedColumns(layout);
  const touched = touchedColumns(layout);
  const nows = (now: number) => (layout.createdAt === undefined ? [now] : [now, now]);

  const valuesOf = (rows: readonly (readonly unknown[])[]) => {
    const row = `(${(rows[0] ?? []).map(() => '?').join(', ')})`;
    return `values ${rows.map(() => row).join(', ')}`;
  };
  const updateFrom = (
    names: readonly string[],
    rows: readonly (readonly unknown[])[],
    rest: string,
    now: number,
  ): Sql => ({
    sql: `with v (${names.join(', ')}) as (${valuesOf(rows)}) update ${table} as t set ${rest} ${returning}`,
    bindings: [...rows.flat(), now],
  });
  const set = (names: readonly string[]) => names.map((name, i) => `${quote(name)} = v.c${i}`).join(', ');
  const places = (names: readonly string[]) => names.map((_, i) => `c${i}`);
  const live = `from v where t.${sid} = v.k and t.${expireAt} > ?`;

  return {
    ...listStatements(layout, table, quote, readColumn),
    upsert(rows, now) {
      const values = rows.map((row) => rowValues(layout, row));
      return {
        sql:
          `insert into ${table} as t (${columns.map(quote).join(', ')}) ${valuesOf(values)} ` +
          `${onConflict(layout, quote)} ${returning}`,
        bindings: [...values.flat(), ...nows(now)],
      };
    },
    update: (rows, now) =>
      updateFrom(
        ['k', 'random', 'lowest', 'highest', ...places(changed)],
        rows.map((row) => [row.key, row.random, row.lowest, row.highest, ...changedValues(layout, row)]),
        `${set(changed)}, ${revision} = ${stored} - ${stored} % ${RANDOM_SPAN} + v.random ` +
          `${live} and ${stored} between v.lowest and v.highest`,
        now,
      ),
    touch: (rows, now) =>
      updateFrom(
        ['k', ...places(touched)],
        rows.map((row) => [row.key, ...touchedValues(layout, row.expireAt, now)]),
        `${set(touched)} ${live}`,
        now,
      ),
  };
}
