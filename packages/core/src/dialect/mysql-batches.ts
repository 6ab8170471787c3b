import {
  changedColumns,
  changedValues,
  type Layout,
  liveBindings,
  type RowUpdate,
  rowColumns,
  rowValues,
  touchedColumns,
  touchedValues,
} from '../layout.js';
import { RANDOM_SPAN } from '../token.js';
import type { BatchStatements, Quote, Sql } from './dialect.js';
import { formsOf, type Words } from './forms.js';
import { listStatements, ownPlace } from './statements.js';

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
  words: Words,
  assignments: readonly string[],
): BatchStatements {
  const sid = quote(layout.sid);
  const forms = formsOf(layout, words);
  const live = forms.live(quote(layout.expireAt));
  const { revision } = layout;
  const stored = revision === undefined ? '0' : `coalesce(${quote(revision)}, 0)`;
  const columns = rowColumns(layout);
  const insert = `insert into ${table} (${columns.map(quote).join(', ')}) values `;
  const row = `(${columns.map((name) => ownPlace(layout, forms, name)).join(', ')})`;
  const onDuplicate = ` on duplicate key update ${assignments.join(', ')}`;
  const changed = changedColumns(layout);
  const touched = touchedColumns(layout);

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

  const placed = (name: string, { sql, bindings }: Sql): Sql => ({ sql: ownPlace(layout, forms, name, sql), bindings });

  const updateOf = (name: string, rows: readonly RowUpdate[], now: number): Sql => {
    const keys = rows.map(({ key }) => key);
    const values = rows.map((one) => changedValues(layout, one));
    const of = (part: 'random' | 'lowest' | 'highest') =>
      picked(
        keys,
        rows.map((one) => one[part]),
      );
    const [random, lowest, highest] = [of('random'), of('lowest'), of('highest')];
    return updated(
      keys,
      [
        [name, { sql: `${stored} - mod(${stored}, ${RANDOM_SPAN}) + ${random.sql}`, bindings: random.bindings }],
        ...changed.map((one, i): [string, Sql] => [one, placed(one, picked(keys, column(values, i)))]),
      ],
      {
        sql: `${live} and ${stored} between ${lowest.sql} and ${highest.sql}`,
        bindings: [now, ...lowest.bindings, ...highest.bindings],
      },
    );
  };

  return {
    ...listStatements(layout, table, quote, words),
    remove: (keys) => ({ sql: `delete from ${table} ${among(keys)}`, bindings: keys }),
    upsert: (rows, now) => ({
      sql: insert + rows.map(() => row).join(', ') + onDuplicate,
      bindings: [...rows.flatMap((one) => rowValues(layout, one)), ...liveBindings(layout, now)],
    }),
    ...(revision !== undefined && { update: (rows, now) => updateOf(revision, rows, now) }),
    touch(rows, now) {
      const keys = rows.map(({ key }) => key);
      const values = rows.map((one) => touchedValues(layout, one.expireAt, now));
      return updated(
        keys,
        touched.map((name, i) => [name, placed(name, picked(keys, column(values, i)))]),
        { sql: live, bindings: [now] },
      );
    },
  };
}
