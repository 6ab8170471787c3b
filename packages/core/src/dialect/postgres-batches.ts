import {
  ALIAS,
  changedColumns,
  changedValues,
  type Field,
  type Layout,
  liveBindings,
  rowColumns,
  rowValues,
  touchedColumns,
  touchedValues,
} from '../layout.js';
import { RANDOM_SPAN } from '../token.js';
import type { BatchStatements, Quote } from './dialect.js';
import { formsOf, type Words } from './forms.js';
import { onConflict, ownPlace, readManyStatement, tokensStatement } from './statements.js';

/** Between texts that are sent as one: JSON has every control character escaped (RFC 8259, section 7). */
const SEPARATOR = '\x1f';

/**
 * Statements over arrays, one for each column: their text, and so their name on the server, is the same whatever the number of
 * rows (postgresql.org/docs/current/functions-array.html, `unnest` of several arrays).
 *
 * @param types the SQL types of the schema columns, by the names that the database has
 */
export function arrayStatements(
  layout: Layout,
  table: string,
  quote: Quote,
  words: Words,
  asColumn: (field: Field, text: string) => string,
): BatchStatements {
  const sid = quote(layout.sid);
  const forms = formsOf(layout, words);
  const live = forms.live(`t.${quote(layout.expireAt)}`);
  const revision = layout.revision === undefined ? undefined : quote(layout.revision);
  const stored = `coalesce(t.${revision}, 0)`;
  const returned = revision === undefined ? '' : `, t.${revision} as ${quote(ALIAS.revision)}`;
  const returning = `returning t.${sid} as ${quote(ALIAS.sid)}${returned}`;
  const among = '= any(?::text[])';
  const fields = new Map(layout.fields.map((field) => [field.name, field]));
  const texts = new Set([layout.sid, layout.additional, ...fields.keys()]);
  // In an array, each quotation mark of the JSON would be escaped here and unescaped there.
  const joined = layout.codec === undefined ? layout.additional : undefined;
  const array = (name: string) => {
    if (name === joined) return `string_to_array(?::text, chr(${SEPARATOR.charCodeAt(0)}))`;
    return texts.has(name) ? '?::text[]' : '?::bigint[]';
  };
  const value = (name: string, column: string) => {
    const field = fields.get(name);
    return field === undefined ? ownPlace(layout, forms, name, column) : asColumn(field, column);
  };
  const columns = rowColumns(layout);
  const changed = changedColumns(layout);
  const touched = touchedColumns(layout);

  const insert =
    `insert into ${table} as t (${columns.map(quote).join(', ')}) ` +
    `select ${columns.map((name, i) => value(name, `v.c${i}`)).join(', ')} ` +
    `from unnest(${columns.map(array).join(', ')}) as v(${columns.map((_, i) => `c${i}`).join(', ')}) ` +
    `${onConflict(layout, quote, forms)} ${returning}`;
  // Rows are locked in the order of the array before any is changed: a join takes them in an order of its own, and two
  // processes would wait for each other (postgresql.org/docs/current/explicit-locking.html, "Deadlocks").
  const locked = (columns: string, arrays: string, condition: string) =>
    `with l as materialized (select v.* from unnest(${arrays}) with ordinality as v(${columns}, n) ` +
    `join ${table} as t on t.${sid} = v.k where ${live}${condition} order by v.n for update of t) `;
  const update =
    `${locked(
      `k, random, lowest, highest, ${changed.map((_, i) => `c${i}`).join(', ')}`,
      `?::text[], ?::bigint[], ?::bigint[], ?::bigint[], ${changed.map(array).join(', ')}`,
      ` and ${stored} between v.lowest and v.highest`,
    )}update ${table} as t set ${changed.map((name, i) => `${quote(name)} = ${value(name, `l.c${i}`)}`).join(', ')}, ` +
    `${revision} = ${stored} - ${stored} % ${RANDOM_SPAN} + l.random from l where t.${sid} = l.k ${returning}`;
  const touch =
    `${locked(`k, ${touched.map((_, i) => `c${i}`).join(', ')}`, `?::text[], ${touched.map(array).join(', ')}`, '')}` +
    `update ${table} as t set ${touched.map((name, i) => `${quote(name)} = ${value(name, `l.c${i}`)}`).join(', ')} ` +
    `from l where t.${sid} = l.k ${returning}`;
  const remove =
    `with l as materialized (select t.${sid} as k from unnest(?::text[]) with ordinality as v(k, n) ` +
    `join ${table} as t on t.${sid} = v.k order by v.n for update of t) ` +
    `delete from ${table} as t using l where t.${sid} = l.k`;
  const read = readManyStatement(layout, table, quote, words, among);
  const tokens = tokensStatement(layout, table, quote, words, among);

  const inserted = columns.map((name) => name === joined);
  const updated = [false, false, false, false, ...changed.map((name) => name === joined)];
  const moved = [false, ...touched.map(() => false)];

  return {
    read: (keys, now) => ({ sql: read, bindings: [arrayText(keys), now] }),
    upsert: (rows, now) => ({
      sql: insert,
      bindings: [
        ...transposed(
          rows.map((row) => rowValues(layout, row)),
          inserted,
        ),
        ...liveBindings(layout, now),
      ],
    }),
    update: (rows, now) => ({
      sql: update,
      bindings: [
        ...transposed(
          rows.map((row) => [row.key, row.random, row.lowest, row.highest, ...changedValues(layout, row)]),
          updated,
        ),
        now,
      ],
    }),
    touch: (rows, now) => ({
      sql: touch,
      bindings: [
        ...transposed(
          rows.map((row) => [row.key, ...touchedValues(layout, row.expireAt, now)]),
          moved,
        ),
        now,
      ],
    }),
    remove: (keys) => ({ sql: remove, bindings: [arrayText(keys)] }),
    tokens: (keys, now) => ({ sql: tokens, bindings: [arrayText(keys), now] }),
  };
}

/** One array for each column. `joined`: of which columns the values are joined by the separator instead. */
function transposed(rows: readonly (readonly unknown[])[], joined: readonly boolean[]): string[] {
  return joined.map((isJoined, column) => {
    const values = rows.map((row) => row[column]);
    return isJoined ? values.join(SEPARATOR) : arrayText(values);
  });
}

/** An array as the server reads it (postgresql.org/docs/current/arrays.html, "Array Input and Output Syntax"). */
function arrayText(values: readonly unknown[]): string {
  let elements = '';
  for (const value of values) elements += `,${elementText(value)}`;
  return `{${elements.slice(1)}}`;
}

// Drivers do the same, and quote numbers, too.
function elementText(value: unknown): string {
  if (value === null) return 'NULL';
  if (typeof value !== 'string') return String(value);
  return `"${/["\\]/.test(value) ? value.replaceAll(/["\\]/g, '\\$&') : value}"`;
}
