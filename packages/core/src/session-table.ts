import type { Knex } from 'knex';
import { ensureTable } from './ensure-table.js';
import { KssError } from './errors.js';
import { wrapError } from './executor.js';
import { layoutOf } from './layout.js';
import { type ResolvedOptions, resolveOptions } from './options.js';
import { type Place, placeOf } from './place.js';
import { extrasOf, factsOf, schemaOf } from './table.js';
import { type TableProblem, tableProblems } from './table-check.js';
import type { FieldShape, StoreOptions } from './types.js';

/**
 * Makes the table of sessions; where it is there already, checks that it fits. For a script of your own, where the app runs
 * with `sync: false`.
 *
 * @param knex a knex or a transaction, with the right to make tables
 * @param options those of the store
 * @throws KssError INVALID_OPTION, TABLE_MISMATCH with the statements that mend it, DATABASE, UNSUPPORTED_DATABASE
 */
export async function createSessionTable<const F extends readonly FieldShape[] = readonly []>(
  knex: Knex,
  options?: StoreOptions<F>,
): Promise<void> {
  const resolved = resolveOptions(options);
  await ensureTable(placeFor(knex, resolved), extrasOf(resolved));
}

/**
 * Drops the table of sessions, if it is there: every session ends.
 *
 * @throws KssError INVALID_OPTION, DATABASE, UNSUPPORTED_DATABASE
 */
export async function dropSessionTable<const F extends readonly FieldShape[] = readonly []>(
  knex: Knex,
  options?: StoreOptions<F>,
): Promise<void> {
  const place = placeFor(knex, resolveOptions(options));
  await wrapped(place, () => schemaOf(knex, place.layout).dropTableIfExists(place.layout.table));
}

/**
 * Everything that is wrong with the table of sessions, each with the statements that mend it; nothing is changed.
 *
 * @example
 * for (const { message, sql } of await verifySessionTable(knex, options)) console.log(message, sql.join(';\n'));
 * @returns an empty array where the table fits
 * @throws KssError INVALID_OPTION, DATABASE, UNSUPPORTED_DATABASE
 */
export async function verifySessionTable<const F extends readonly FieldShape[] = readonly []>(
  knex: Knex,
  options?: StoreOptions<F>,
): Promise<readonly TableProblem[]> {
  const resolved = resolveOptions(options);
  const place = placeFor(knex, resolved);
  return wrapped(place, async () => tableProblems(place, extrasOf(resolved), await factsOf(place)));
}

/**
 * The table that the options mean, on a knex or in a transaction.
 *
 * @throws KssError INVALID_OPTION, UNSUPPORTED_DATABASE
 */
export function placeFor(knex: Knex, options: ResolvedOptions): Place {
  if (typeof knex !== 'function' || typeof (knex as Partial<Knex>).raw !== 'function')
    throw new KssError('INVALID_OPTION', 'The first argument must be a knex instance, or a transaction of one.');
  return placeOf(knex, layoutOf(options));
}

/** Work on the table, whose driver errors become ours. */
export async function wrapped<T>({ dialect }: Place, work: () => PromiseLike<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw wrapError(error, dialect);
  }
}
