import {
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
import { listStatements } from './statements.js';

/**
 * Statements for many rows: an insert of many, and updates joined with a table made of the values. The driver puts the values
 * into the text, so there is no limit but `max_allowed_packet`.
 */
export function joinStatements(
  layout: Layout,
  table: string,
  quote: Quote,
  readColumn: (type: ColumnType, column: string) => string,
  assignments: readonly string[],
): BatchStatements {
  const sid = quote(layout.sid);
  const expireAt = quote(layout.expireAt);
  const revision = quote(layout.revision);
  const stored = `coalesce(t.${revision}, 0)`;
  const columns = rowColumns(layout);
  const insert = `insert into ${table} (${columns.map(quote).join(', ')}) values `;
  const row = `(${columns.map(() => '?').join(', ')})`;
  const onDuplicate = ` on duplicate key update ${assignments.join(', ')}`;
  const changed = changedColumns(layout);
  const touched = touchedColumns(layout);
  const nows = (now: number) => (layout.createdAt === undefined ? [now] : [now, now]);

  const joined = (
    names: readonly string[],
    rows: readonly (readonly unknown[])[],
    rest: string,
    after: unknown[],
  ): Sql => {
    const first = `select ${names.map((name) => `? as ${name}`).join(', ')}`;
    const others = ` union all select ${names.map(() => '?').join(', ')}`.repeat(rows.length - 1);
    return {
      sql: `update ${table} as t join (${first}${others}) as v on t.${sid} = v.k set ${rest}`,
      bindings: [...rows.flat(), ...after],
    };
  };
  const set = (names: readonly string[]) => names.map((name, i) => `t.${quote(name)} = v.c${i}`).join(', ');
  const places = (names: readonly string[]) => names.map((_, i) => `c${i}`);

  return {
    ...listStatements(layout, table, quote, readColumn),
    upsert: (rows, now) => ({
      sql: insert + rows.map(() => row).join(', ') + onDuplicate,
      bindings: [...rows.flatMap((one) => rowValues(layout, one)), ...nows(now)],
    }),
    update: (rows, now) =>
      joined(
        ['k', 'random', 'lowest', 'highest', ...places(changed)],
        rows.map((one) => [one.key, one.random, one.lowest, one.highest, ...changedValues(layout, one)]),
        `t.${revision} = ${stored} - mod(${stored}, ${RANDOM_SPAN}) + v.random, ${set(changed)} ` +
          `where t.${expireAt} > ? and ${stored} between v.lowest and v.highest`,
        [now],
      ),
    touch: (rows, now) =>
      joined(
        ['k', ...places(touched)],
        rows.map((one) => [one.key, ...touchedValues(layout, one.expireAt, now)]),
        `${set(touched)} where t.${expireAt} > ?`,
        [now],
      ),
  };
}
