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

/** Rows that one update or touch takes: as many bits as a number that every driver gives exactly, and CASEs that stay short. */
export const MOST_UPDATED = 50;

/**
 * Statements for many rows: an insert of many, and updates that pick each row's values by its key. (For a join with a table of
 * the values MariaDB makes a temporary file each time.)
 *
 * An update tells by its own result which rows it reached: each sets its bit in what LAST_INSERT_ID sends back. Another
 * statement would ask too late, when other processes may have written the rows again.
 */
export function caseStatements(
  layout: Layout,
  table: string,
  quote: Quote,
  readColumn: (type: ColumnType, column: string) => string,
  assignments: readonly string[],
): BatchStatements {
  const sid = quote(layout.sid);
  const expireAt = quote(layout.expireAt);
  const revision = quote(layout.revision);
  const stored = `coalesce(${revision}, 0)`;
  const columns = rowColumns(layout);
  const insert = `insert into ${table} (${columns.map(quote).join(', ')}) values `;
  const row = `(${columns.map(() => '?').join(', ')})`;
  const onDuplicate = ` on duplicate key update ${assignments.join(', ')}`;
  const changed = changedColumns(layout);
  const touched = touchedColumns(layout);
  const nows = (now: number) => (layout.createdAt === undefined ? [now] : [now, now]);

  /** The value of each row, by its key. */
  const picked = (keys: readonly string[], values: readonly unknown[]): Sql =>
    values.every((value) => Object.is(value, values[0]))
      ? { sql: '?', bindings: [values[0]] }
      : {
          // A whole number stands in the text, and does not have to be put there.
          sql: `case ${sid}${values.map((value) => ` when ? then ${Number.isSafeInteger(value) ? value : '?'}`).join('')} end`,
          bindings: keys.flatMap((key, i) => (Number.isSafeInteger(values[i]) ? [key] : [key, values[i]])),
        };
  const column = (rows: readonly (readonly unknown[])[], at: number) => rows.map((values) => values[at]);

  // The limit says nothing of the rows; without it, the optimizer reads the whole of a small table, and waits for the locks of
  // sessions that are not meant.
  const among = (keys: readonly string[], rest = '') =>
    `where ${sid} in (${keys.map(() => '?').join(', ')})${rest} order by ${sid} limit ${keys.length}`;

  const updated = (keys: readonly string[], sets: readonly [string, Sql][], rest: Sql): Sql => {
    const bits = keys.map((_, i) => ` when ? then ${2 ** i}`).join('');
    const assigned = sets.map(([name, { sql }], i) =>
      i === 0
        ? `${quote(name)} = if(last_insert_id(last_insert_id() | case ${sid}${bits} end), ${sql}, null)`
        : `${quote(name)} = ${sql}`,
    );
    return {
      // The condition on LAST_INSERT_ID is none: it is there to begin without a bit.
      sql: `update ${table} set ${assigned.join(', ')} ${among(keys, ` and last_insert_id(0) = 0 and ${rest.sql}`)}`,
      bindings: [...keys, ...sets.flatMap(([, { bindings }]) => bindings), ...keys, ...rest.bindings],
    };
  };

  return {
    ...listStatements(layout, table, quote, readColumn),
    remove: (keys) => ({ sql: `delete from ${table} ${among(keys)}`, bindings: keys }),
    upsert: (rows, now) => ({
      sql: insert + rows.map(() => row).join(', ') + onDuplicate,
      bindings: [...rows.flatMap((one) => rowValues(layout, one)), ...nows(now)],
    }),
    update(rows, now) {
      const keys = rows.map(({ key }) => key);
      const values = rows.map((one) => changedValues(layout, one));
      const of = (name: 'random' | 'lowest' | 'highest') =>
        picked(
          keys,
          rows.map((one) => one[name]),
        );
      const [random, lowest, highest] = [of('random'), of('lowest'), of('highest')];
      return updated(
        keys,
        [
          [
            layout.revision,
            { sql: `${stored} - mod(${stored}, ${RANDOM_SPAN}) + ${random.sql}`, bindings: random.bindings },
          ],
          ...changed.map((name, i): [string, Sql] => [name, picked(keys, column(values, i))]),
        ],
        {
          sql: `${expireAt} > ? and ${stored} between ${lowest.sql} and ${highest.sql}`,
          bindings: [now, ...lowest.bindings, ...highest.bindings],
        },
      );
    },
    touch(rows, now) {
      const keys = rows.map(({ key }) => key);
      const values = rows.map((one) => touchedValues(layout, one.expireAt, now));
      return updated(
        keys,
        touched.map((name, i) => [name, picked(keys, column(values, i))]),
        { sql: `${expireAt} > ?`, bindings: [now] },
      );
    },
  };
}
