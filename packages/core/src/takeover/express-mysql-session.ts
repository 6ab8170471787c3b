import type { Knex } from 'knex';
import type { FieldShape, StoreOptions } from '../types.js';
import { collectionInterval, known, lifetime, type StoreArguments, storeArguments } from './arguments.js';

/** The options of express-mysql-session; the settings of its connection are accepted, so that they can stay as they are. */
export interface ExpressMysqlSessionOptions extends Readonly<Partial<Record<(typeof CONNECTION)[number], unknown>>> {
  readonly clearExpired?: boolean;
  /** Milliseconds; 0, by which it collected without a pause, is refused. */
  readonly checkExpirationInterval?: number;
  /** Milliseconds that a session lives whose cookie does not say it; 0: it is over at once. */
  readonly expiration?: number;
  readonly createDatabaseTable?: boolean;
  readonly disableTouch?: boolean;
  readonly schema?: {
    readonly tableName?: string;
    readonly columnNames?: { readonly session_id?: string; readonly expires?: string; readonly data?: string };
  };
}

/** Settings of the connection, of version 3's and of version 2's driver: the connection is that of the knex. */
const CONNECTION = [
  ...(['host', 'port', 'user', 'password', 'database', 'charset', 'endConnectionOnClose', 'connectionLimit'] as const),
  ...(['waitForConnections', 'maxIdle', 'idleTimeout', 'queueLimit', 'acquireTimeout', 'connectTimeout'] as const),
  ...(['localAddress', 'socketPath', 'ssl', 'timezone', 'debug', 'flags', 'trace', 'insecureAuth'] as const),
  ...(['supportBigNumbers', 'bigNumberStrings', 'dateStrings', 'stringifyObjects', 'typeCast', 'queryFormat'] as const),
  ...(['localInfile', 'multipleStatements'] as const),
];

const NAMES = [
  ...([
    'clearExpired',
    'checkExpirationInterval',
    'expiration',
    'createDatabaseTable',
    'disableTouch',
    'schema',
  ] as const),
  ...CONNECTION,
];

/**
 * The table of express-mysql-session.
 *
 * @param knex in place of its connection; knex can have the pool that it was given
 * @param options those that it had
 * @param more options of ours, such as `schemas`
 * @example
 * const sessions = new KnexSessionStore(...expressMysqlSession(knex, { expiration: 3_600_000 }));
 * @throws KssError INVALID_OPTION
 */
export function expressMysqlSession<const F extends readonly FieldShape[] = readonly []>(
  knex: Knex,
  options: ExpressMysqlSessionOptions = {},
  more: StoreOptions<F> = {},
): StoreArguments<F> {
  const given = known(options, NAMES, 'express-mysql-session');
  const schema = known(given.schema ?? {}, ['tableName', 'columnNames'], "express-mysql-session's schema");
  const columns = known(schema.columnNames ?? {}, ['session_id', 'expires', 'data'], 'columnNames');
  const translated = {
    tableName: schema.tableName ?? 'sessions',
    sidName: columns.session_id ?? 'session_id',
    expireAtName: columns.expires ?? 'expires',
    additionalName: columns.data ?? 'data',
    sync: given.createDatabaseTable ?? true,
    maxAge: lifetime(given.expiration) ?? 86_400_000,
    touchAfter: given.disableTouch ? Number.POSITIVE_INFINITY : 0,
    gcInterval:
      given.clearExpired === false
        ? 0
        : collectionInterval('checkExpirationInterval', given.checkExpirationInterval ?? 900_000, more),
  };
  return storeArguments(knex, 'express-mysql-session', translated, more);
}
