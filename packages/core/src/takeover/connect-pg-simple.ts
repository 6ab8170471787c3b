import type { Knex } from 'knex';
import type { FieldShape, StoreOptions } from '../types.js';
import { hears, known, lifetime, type StoreArguments, storeArguments } from './arguments.js';

/** The options of connect-pg-simple. */
export interface ConnectPgSimpleOptions {
  readonly schemaName?: string;
  readonly tableName?: string;
  /** `false` is for a table that is not to be looked at, either. @default true where the table is checked when the store is made */
  readonly createTableIfMissing?: boolean;
  /** Seconds that a session lives whose cookie does not say it; 0: as if it were not given, which is a day. */
  readonly ttl?: number;
  readonly disableTouch?: boolean;
  /** Seconds; false: never; 0: as if it were not given, which is a quarter of an hour. */
  readonly pruneSessionInterval?: number | false;
  /** Ours varies by half, too. */
  readonly pruneSessionRandomizedInterval?: false | ((delay: number) => number);
  readonly errorLog?: (...data: never[]) => unknown;
  /** The connection is that of the knex; accepted, so that the options can stay as they are. */
  readonly pool?: unknown;
  readonly pgPromise?: unknown;
  readonly conString?: string | undefined;
  readonly conObject?: unknown;
}

const NAMES = [
  ...(['schemaName', 'tableName', 'createTableIfMissing', 'ttl', 'disableTouch', 'pruneSessionInterval'] as const),
  ...(['pruneSessionRandomizedInterval', 'errorLog', 'pool', 'pgPromise', 'conString', 'conObject'] as const),
];

/**
 * The table of connect-pg-simple.
 *
 * @param knex in place of its pool; knex can have that very pool
 * @param options those that it had
 * @param more options of ours, such as `schemas`
 * @example
 * const sessions = new KnexSessionStore(...connectPgSimple(knex, { tableName: 'user_sessions', ttl: 3600 }));
 * @throws KssError INVALID_OPTION
 */
export function connectPgSimple<const F extends readonly FieldShape[] = readonly []>(
  knex: Knex,
  options: ConnectPgSimpleOptions = {},
  more: StoreOptions<F> = {},
): StoreArguments<F> {
  const given = known(options, NAMES, 'connect-pg-simple');
  // It still takes `schema"."table` for the table's name.
  const [table = 'session', schema] = (given.tableName ?? 'session').split('"."').reverse();
  const { errorLog } = given;
  const translated = {
    tableName: table,
    schemaName: given.schemaName ?? schema,
    sync: given.createTableIfMissing ?? true,
    maxAge: given.ttl ? lifetime(given.ttl * 1000) : undefined,
    touchAfter: given.disableTouch ? Number.POSITIVE_INFINITY : undefined,
    gcInterval: given.pruneSessionInterval === false ? 0 : (given.pruneSessionInterval || 900) * 1000,
    onError: hears(errorLog && ((error) => (errorLog as (error: Error) => unknown)(error))),
  };
  return storeArguments(knex, 'connect-pg-simple', translated, more);
}
