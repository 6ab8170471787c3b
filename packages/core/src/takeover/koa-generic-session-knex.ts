import type { Knex } from 'knex';
import type { FieldShape, StoreOptions } from '../types.js';
import { known, lifetime, patience, type StoreArguments, storeArguments } from './arguments.js';

/** The options of koa-generic-session-knex. */
export interface KoaGenericSessionKnexOptions {
  readonly tableName?: string;
  readonly sync?: boolean;
  /** Milliseconds; 0: a call does not wait. */
  readonly syncTimeout?: number;
  /** Reads from one collection to the next, more or less. */
  readonly gcFrequency?: number;
  /** It made the columns and never wrote them, and neither do we. */
  readonly timestamps?: boolean;
  /** Milliseconds that a session lives whose cookie does not say it; 0: it is over at once. */
  readonly browserSessionLifetime?: number;
}

const NAMES = [
  ...(['tableName', 'sync', 'syncTimeout', 'gcFrequency', 'timestamps', 'browserSessionLifetime'] as const),
];

/**
 * The table of koa-generic-session-knex.
 *
 * @param options those that it had
 * @param more options of ours, such as `schemas`
 * @example
 * const sessions = new KnexSessionStore(...koaGenericSessionKnex(knex, { browserSessionLifetime: 3_600_000 }));
 * @throws KssError INVALID_OPTION
 */
export function koaGenericSessionKnex<const F extends readonly FieldShape[] = readonly []>(
  knex: Knex,
  options: KoaGenericSessionKnexOptions = {},
  more: StoreOptions<F> = {},
): StoreArguments<F> {
  const given = known(options, NAMES, 'koa-generic-session-knex');
  const translated = {
    tableName: given.tableName ?? 'Sessions',
    sync: given.sync ?? true,
    syncTimeout: patience(given.syncTimeout ?? 3000),
    gcFrequency: given.gcFrequency ?? 10_000,
    gcInterval: 0,
    maxAge: lifetime(given.browserSessionLifetime) ?? 86_400_000,
  };
  return storeArguments(knex, 'koa-generic-session-knex', translated, more);
}
