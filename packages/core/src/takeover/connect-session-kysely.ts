import type { Knex } from 'knex';
import { KssError } from '../errors.js';
import type { FieldShape, StoreOptions } from '../types.js';
import { hears, known, type StoreArguments, storeArguments } from './arguments.js';

/** The options of connect-session-kysely. */
export interface ConnectSessionKyselyOptions {
  readonly tableName?: string;
  readonly sidFieldName?: string;
  /** As its documentation has it. */
  readonly createTable?: boolean;
  /** Milliseconds; 0: never. */
  readonly cleanupInterval?: number;
  /** knex knows it; accepted, so that the options can stay as they are. */
  readonly dbType?: 'mysql' | 'postgresql' | 'sqlite';
  readonly onDbCleanupError?: ((error: Error) => unknown) | null;
  /**
   * The type of its column `expired` on PostgreSQL: what its documentation shows has a time zone, what its own `createTable` makes
   * has none. The wrong one is refused, unless `createTable` is false: then nothing is checked. @default 'timestamptz'
   */
  readonly expired?: 'timestamptz' | 'timestamp';
}

const NAMES = [
  ...(['tableName', 'sidFieldName', 'createTable', 'cleanupInterval', 'dbType', 'onDbCleanupError'] as const),
  'expired' as const,
];

/**
 * The table of connect-session-kysely.
 *
 * @param knex in place of its Kysely; both can have one pool
 * @param options those that it had, and the type of `expired`
 * @param more options of ours, such as `schemas`
 * @example
 * const sessions = new KnexSessionStore(...connectSessionKysely(knex, { dbType: 'postgresql', expired: 'timestamp' }));
 * @throws KssError INVALID_OPTION
 */
export function connectSessionKysely<const F extends readonly FieldShape[] = readonly []>(
  knex: Knex,
  options: ConnectSessionKyselyOptions = {},
  more: StoreOptions<F> = {},
): StoreArguments<F> {
  const given = known(options, NAMES, 'connect-session-kysely');
  const { expired = 'timestamptz' } = given;
  if (expired !== 'timestamptz' && expired !== 'timestamp') {
    throw new KssError('INVALID_OPTION', "expired must be 'timestamptz' or 'timestamp', the type of that column.");
  }
  const translated = {
    tableName: given.tableName ?? 'sessions',
    sidName: given.sidFieldName ?? 'sid',
    sync: given.createTable ?? true,
    gcInterval: given.cleanupInterval ?? 60_000,
    onError: hears(given.onDbCleanupError),
  };
  const layout = expired === 'timestamp' ? 'connect-session-kysely-utc' : 'connect-session-kysely';
  return storeArguments(knex, layout, translated, more);
}
