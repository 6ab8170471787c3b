import type { Knex } from 'knex';
import { encodeSession, parseSession, readValue } from './codec.js';
import { guardOf } from './content.js';
import { columnsOf, contentValues } from './dialect/index.js';
import { KssError } from './errors.js';
import { fillingOf, isOfOneSession } from './filling.js';
import { type Field, filledValues, guardValues } from './layout.js';
import { type Place, queryOn, reachedRows } from './place.js';
import { handleOfKey } from './sid.js';
import { incarnationOf, nextRandom } from './token.js';
import { livePages, liveRow, type WholeRow } from './whole-table.js';

const CHUNK = 500;
const TRIES = 20;

/** Where a new column has a default, sessions from before it must not be read with that instead of their own value. */
export async function moveIn(place: Place, fields: readonly Field[]): Promise<void> {
  if (fields.length === 0) return;
  const { knex, dialect, quote } = place;
  const layout = { ...place.layout, fields, owned: fields };
  const target: Place = { ...place, layout };
  const { fill } = dialect.statements(layout, place.table, quote);
  const set = fields.map(({ name }) => name);
  const change = async ({ values, ...row }: WholeRow) => {
    const session = parseSession(row.key, row.text, layout);
    const held = fields.filter(({ name }) => (Object.hasOwn(session, name) ? session[name] : null) !== null);
    if (held.length === 0) return true;
    const unset = values.map((value, i) => (held.some((field) => field === fields[i]) ? null : value));
    const filled = fillingOf({ ...row, values: unset }, target);
    if (filled === undefined) return true;
    const expected = contentValues(layout, dialect, { text: row.text, values });
    const guard = { ...guardOf(row, expected, layout), now: Date.now() };
    const bindings = [...filledValues(filled), ...guardValues(layout, guard)];
    const result = dialect.query?.(knex, { sql: fill, bindings }) ?? knex.raw(fill, bindings as Knex.RawBinding[]);
    return dialect.updatedToken(await result) !== undefined;
  };
  for await (const rows of livePages(target, CHUNK, async (make) => make(), { set })) {
    for (const row of rows) {
      try {
        await insist(target, row, change);
      } catch (error) {
        // It cannot be read, or not be held: it stays as it is.
        if (!isOfOneSession(error)) throw error;
      }
    }
  }
}

/**
 * Puts the values of columns that were renamed into the JSON.
 *
 * A value stays in the JSON where that has the key: an instance that does not know the column wrote it there, later.
 *
 * @param nameOf what a column is called now
 */
export async function putBack(place: Place, fields: readonly Field[], nameOf: (name: string) => string): Promise<void> {
  if (fields.length === 0) return;
  const parked = fields.map((field) => ({ ...field, name: nameOf(field.name) }));
  const source: Place = { ...place, layout: { ...place.layout, fields: parked, owned: parked } };
  const set = parked.map(({ name }) => name);
  const done = new Set<string>();
  for (let before = -1; before !== done.size; ) {
    // A session whose key changes meanwhile may pass unseen; it is seen the next time.
    before = done.size;
    for await (const rows of livePages(source, CHUNK, async (make) => make(), { set })) {
      for (const row of rows) {
        const handle = handleOfKey(row.key); // one session, whatever its key is
        if (!done.has(handle)) await insist(source, row, (found) => putBackRow(source, fields, found));
        done.add(handle);
      }
    }
  }
}

/** Whether the row has the values now; false where somebody else changed it. */
async function putBackRow(source: Place, fields: readonly Field[], row: WholeRow): Promise<boolean> {
  const { layout, dialect } = source;
  const { key, token, text, values } = row;
  const session = parseSession(key, text, layout);
  const lacking = fields.flatMap((field, i) => {
    const value = Object.hasOwn(session, field.name) ? null : readValue(key, field, values[i]);
    return value === null ? [] : [[field.name, value] as const];
  });
  if (lacking.length === 0) return true;
  const whole = { ...layout, fields: [], owned: [], maxBytes: Number.POSITIVE_INFINITY };
  const again = encodeSession(key, { ...session, ...Object.fromEntries(lacking) }, whole, columnsOf(dialect));
  const found = queryOn(source).where(layout.sid, key);
  const same = source.forms.sameText(source.quote(layout.additional));
  const result =
    layout.revision === undefined
      ? found.whereRaw(same, [text]).update({ [layout.additional]: again.text })
      : found.whereRaw('coalesce(??, 0) = ?', [layout.revision, token]).update({
          [layout.additional]: again.text,
          [layout.revision]: incarnationOf(token)[0] + nextRandom(token),
        });
  return reachedRows(source, await result) > 0;
}

/** Changes a row, and where somebody else changed it meanwhile, what it became; a session that ended needs no change. */
async function insist(place: Place, found: WholeRow, change: (row: WholeRow) => Promise<boolean>): Promise<void> {
  let row: WholeRow | undefined = found;
  for (let tried = 0; tried < TRIES && row !== undefined; tried++) {
    if (await change(row)) return;
    row = await liveRow(place, row.key);
  }
  if (row !== undefined)
    throw new KssError('CONFLICT', `A session changed ${TRIES} times while its columns did; run it again.`);
}
