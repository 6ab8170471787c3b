import type { Knex } from 'knex';
import { addColumns, removeColumns } from './column-changes.js';
import { KssError } from './errors.js';
import { resolveOptions, unknownName } from './options.js';
import { createSessionTable, dropSessionTable, placeFor, wrapped } from './session-table.js';
import { extrasOf } from './table.js';
import type { FieldShape, StoreOptions } from './types.js';

/** A migration of knex: what its file exports. */
export interface Migration {
  up(knex: Knex): Promise<void>;
  down(knex: Knex): Promise<void>;
}

/**
 * The table of sessions as a migration in the app's own folder; run the store with `sync: false` then.
 *
 * `up` makes the table (one that is there already is checked), `down` drops it.
 *
 * @example
 * // migrations/20270101000000_sessions.js
 * export const { up, down } = migration({ schemas: [{ name: 'user_id', type: 'string', index: true }] });
 * @throws KssError INVALID_OPTION
 */
export function migration<const F extends readonly FieldShape[] = readonly []>(options?: StoreOptions<F>): Migration {
  resolveOptions(options); // a mistake shows when the file is loaded
  return {
    up: (knex) => createSessionTable(knex, options),
    down: (knex) => dropSessionTable(knex, options),
  };
}

/**
 * Schema columns that are added to a table with sessions in it, as a migration. No session is lost in either direction.
 *
 * `up` adds those of the columns that are missing; the sessions that live are still read from their JSON, and `backfill` makes
 * them findable. `down` puts the columns' values back into the JSON of each live session, and drops the columns; instances that
 * know them fail from its beginning on. What was cut off may be run again.
 *
 * @param options those of the store, with the new columns among `schemas`
 * @param names the new ones
 * @example
 * export const { up, down } = addColumnsMigration(options, ['device']);
 * @throws KssError INVALID_OPTION; `up` rejects with TABLE_MISMATCH where there is no table, `down` with UNREADABLE_ROW or CONFLICT
 *   where a session's values could not be put back, and then drops nothing; both with DATABASE
 */
export function addColumnsMigration<const F extends readonly FieldShape[] = readonly []>(
  options: StoreOptions<F>,
  names: readonly F[number]['name'][],
): Migration {
  const resolved = resolveOptions(options);
  const declared = resolved.schemas.map(({ name }) => name);
  if (!Array.isArray(names) || names.length === 0) {
    throw new KssError('INVALID_OPTION', 'The second argument must be an array with the names of the new columns.');
  }
  for (const name of names)
    if (!declared.includes(name)) throw unknownName(String(name), declared, 'column of schemas');
  const changed = async (knex: Knex, change: typeof addColumns) => {
    const place = placeFor(knex, resolved);
    return wrapped(place, () => change(place, extrasOf(resolved), names));
  };
  return { up: (knex) => changed(knex, addColumns), down: (knex) => changed(knex, removeColumns) };
}
