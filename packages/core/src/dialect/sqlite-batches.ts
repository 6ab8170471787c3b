import {
  ALIAS,
  changedColumns,
  changedValues,
  type Layout,
  liveBindings,
  rowColumns,
  rowValues,
  touchedColumns,
  touchedValues,
} from '../layout.js';
import { RANDOM_SPAN } from '../token.js';
import type { BatchStatements, Quote, Sql } from './dialect.js';
import { formsOf, type Words } from './forms.js';
import { listStatements, onConflict, ownPlace } from './statements.js';

/** Statements for many rows: an insert of many, and updates from a table of the values (sqlite.org/lang_update.html, UPDATE FROM). */
export function valuesStatements(layout: Layout, table: string, quote: Quote, words: Words): BatchStatements {
  const forms = formsOf(layout, words);
  const sid = quote(layout.sid);
  const revision = layout.revision === undefined ? undefined : quote(layout.revision);
  const stored = `coalesce(t.${revision}, 0)`;
  const returned = revision === undefined ? '' : `, ${revision} as ${quote(ALIAS.revision)}`;
  const returning = `returning ${sid} as ${quote(ALIAS.sid)}${returned}`;
  const columns = rowColumns(layout);
  const changed = changedColumns(layout);
  const touched = touchedColumns(layout);

  const valuesOf = (rows: readonly (readonly unknown[])[], places = (rows[0] ?? []).map(() => '?')) => {
    const row = `(${places.join(', ')})`;
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
  const set = (names: readonly string[]) =>
    names.map((name, i) => `${quote(name)} = ${ownPlace(layout, forms, name, `v.c${i}`)}`).join(', ');
  const places = (names: readonly string[]) => names.map((_, i) => `c${i}`);
  const inserted = columns.map((name) => ownPlace(layout, forms, name));
  const live = `from v where t.${sid} = v.k and ${forms.live(`t.${quote(layout.expireAt)}`)}`;

  return {
    ...listStatements(layout, table, quote, words),
    upsert(rows, now) {
      const values = rows.map((row) => rowValues(layout, row));
      return {
        sql:
          `insert into ${table} as t (${columns.map(quote).join(', ')}) ${valuesOf(values, inserted)} ` +
          `${onConflict(layout, quote, forms)} ${returning}`,
        bindings: [...values.flat(), ...liveBindings(layout, now)],
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
