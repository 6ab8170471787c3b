import type { Knex } from 'knex';
import type { FieldShape, StoreOptions } from '../types.js';
import { hears, known, type StoreArguments, spelled, storeArguments } from './arguments.js';

/** The options of connect-session-knex, of version 5 and of those before it. */
export interface ConnectSessionKnexOptions {
  /** Without it, its SQLite file `connect-session-knex.sqlite`. */
  readonly knex?: Knex;
  readonly tableName?: string;
  readonly tablename?: string;
  readonly sidFieldName?: string;
  readonly sidfieldname?: string;
  readonly createTable?: boolean;
  readonly createtable?: boolean;
  /** Milliseconds; 0: never. Where it is given, `clearInterval` and `disableDbCleanup` count as little as they did in version 5. */
  readonly cleanupInterval?: number;
  /** Milliseconds; 0: as if it were not given. */
  readonly clearInterval?: number;
  readonly disableDbCleanup?: boolean;
  readonly onDbCleanupError?: ((error: Error) => unknown) | null;
}

const NAMES = [
  ...(['knex', 'tableName', 'tablename', 'sidFieldName', 'sidfieldname', 'createTable', 'createtable'] as const),
  ...(['cleanupInterval', 'clearInterval', 'disableDbCleanup', 'onDbCleanupError'] as const),
];

/**
 * The table of connect-session-knex.
 *
 * @param options those that it had
 * @param more options of ours, such as `schemas`
 * @example
 * const sessions = new KnexSessionStore(...connectSessionKnex({ knex, tablename: 'logins' }));
 * @throws KssError INVALID_OPTION
 */
export function connectSessionKnex<const F extends readonly FieldShape[] = readonly []>(
  options: ConnectSessionKnexOptions = {},
  more: StoreOptions<F> = {},
): StoreArguments<F> {
  const given = known(options, NAMES, 'connect-session-knex');
  const before = given.disableDbCleanup ? 0 : given.clearInterval || 60_000;
  const translated = {
    tableName: spelled(given, 'tableName', 'tablename') ?? 'sessions',
    sidName: spelled(given, 'sidFieldName', 'sidfieldname') ?? 'sid',
    sync: spelled(given, 'createTable', 'createtable') ?? true,
    gcInterval: given.cleanupInterval ?? before,
    onError: hears(given.onDbCleanupError),
    filename: given.knex === undefined ? 'connect-session-knex.sqlite' : undefined,
  };
  return storeArguments(given.knex, 'connect-session-knex', translated, more);
}
