import type { Knex } from 'knex';
import type { FieldShape, StoreOptions } from '../types.js';
import { known, type StoreArguments, storeArguments } from './arguments.js';

/** The options of knex-schema-session-store. */
export interface KnexSchemaSessionStoreOptions<F extends readonly FieldShape[] = readonly []> {
  readonly table_name?: string;
  readonly sid_name?: string;
  readonly expire_at_name?: string;
  readonly additional_name?: string;
  /** It made the columns and never wrote them, and neither do we. */
  readonly timestamps?: boolean;
  readonly sync?: boolean;
  /** Milliseconds. */
  readonly sync_timeout?: number;
  /** Milliseconds. */
  readonly gc_interval?: number;
  /** Milliseconds that a session lives where the call does not say it. */
  readonly max_age?: number;
  readonly schemas?: NonNullable<StoreOptions<F>['schemas']>;
}

const NAMES = [
  ...(['table_name', 'sid_name', 'expire_at_name', 'additional_name', 'timestamps', 'sync'] as const),
  ...(['sync_timeout', 'gc_interval', 'max_age', 'schemas'] as const),
];

/**
 * The table of knex-schema-session-store.
 *
 * @param options those that it had, its `schemas` among them
 * @param more options of ours
 * @example
 * const sessions = new KnexSessionStore(
 *   ...knexSchemaSessionStore(knex, { table_name: 'logins', schemas: [{ name: 'user_id', type: 'string' }] }),
 * );
 * @throws KssError INVALID_OPTION
 */
export function knexSchemaSessionStore<const F extends readonly FieldShape[] = readonly []>(
  knex: Knex,
  options: KnexSchemaSessionStoreOptions<F> = {},
  more: Omit<StoreOptions, 'schemas'> = {},
): StoreArguments<F> {
  const given = known(options, NAMES, 'knex-schema-session-store');
  const translated = {
    tableName: given.table_name ?? 'sessions',
    sidName: given.sid_name ?? 'sid',
    expireAtName: given.expire_at_name ?? 'expire_at',
    additionalName: given.additional_name ?? 'additional',
    sync: given.sync ?? true,
    syncTimeout: given.sync_timeout ?? 3000,
    gcInterval: given.gc_interval ?? 3_600_000,
    maxAge: given.max_age ?? 86_400_000,
  };
  const ours = { ...more, schemas: given.schemas ?? [] } as StoreOptions<F>;
  return storeArguments(knex, 'knex-schema-session-store', translated, ours);
}
