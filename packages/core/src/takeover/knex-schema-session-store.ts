import type { Knex } from 'knex';
import { listOf } from '../foreign.js';
import type { ColumnType, FieldShape, SchemaField, StoreOptions } from '../types.js';
import { collectionInterval, known, lifetime, patience, type StoreArguments, storeArguments } from './arguments.js';

/** What else knex calls the types of columns, and what the store made them by. */
const SPELLINGS = {
  int: 'integer',
  bigint: 'bigInteger',
  biginteger: 'bigInteger',
  real: 'float',
  bool: 'boolean',
  dateTime: 'datetime',
  varchar: 'string',
  enu: 'enum',
  mediumtext: 'text',
  mediumText: 'text',
  longtext: 'text',
  longText: 'text',
} as const satisfies Readonly<Record<string, ColumnType>>;

/** A name of knex's for one of our column types. */
export type ColumnTypeSpelling = keyof typeof SPELLINGS;

/** What the types of its sessions are inferred from. */
export interface KnexSchemaFieldShape extends Omit<FieldShape, 'type'> {
  readonly type: ColumnType | ColumnTypeSpelling;
}

type OurType<T> = T extends ColumnTypeSpelling ? (typeof SPELLINGS)[T] : T extends ColumnType ? T : never;

/** Schema columns, by our names of their types. */
export type InOurWords<F extends readonly KnexSchemaFieldShape[]> = {
  readonly [I in keyof F]: Omit<F[I], 'type'> & { readonly name: string; readonly type: OurType<F[I]['type']> };
};

/** The options of knex-schema-session-store. */
export interface KnexSchemaSessionStoreOptions<F extends readonly KnexSchemaFieldShape[] = readonly []> {
  readonly table_name?: string;
  readonly sid_name?: string;
  readonly expire_at_name?: string;
  readonly additional_name?: string;
  /** It made the columns and never wrote them, and neither do we. */
  readonly timestamps?: boolean;
  readonly sync?: boolean;
  /** Milliseconds; 0: a call does not wait. */
  readonly sync_timeout?: number;
  /** Milliseconds; 0, by which it collected without a pause, is refused. */
  readonly gc_interval?: number;
  /** Milliseconds that a session lives where the call does not say it; 0: it is over at once. */
  readonly max_age?: number;
  /** The types by any name that knex has for them. */
  readonly schemas?: {
    readonly [I in keyof F]: F[I] &
      Pick<SchemaField, 'args' | 'extra' | 'from' | 'index'> & {
        readonly [K in Exclude<keyof F[I], keyof SchemaField>]: never;
      };
  };
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
export function knexSchemaSessionStore<const F extends readonly KnexSchemaFieldShape[] = readonly []>(
  knex: Knex,
  options: KnexSchemaSessionStoreOptions<F> = {},
  more: Omit<StoreOptions, 'schemas'> = {},
): StoreArguments<InOurWords<F>> {
  const given = known(options, NAMES, 'knex-schema-session-store');
  const translated = {
    tableName: given.table_name ?? 'sessions',
    sidName: given.sid_name ?? 'sid',
    expireAtName: given.expire_at_name ?? 'expire_at',
    additionalName: given.additional_name ?? 'additional',
    sync: given.sync ?? true,
    syncTimeout: patience(given.sync_timeout ?? 3000),
    gcInterval: collectionInterval('gc_interval', given.gc_interval ?? 3_600_000, more),
    maxAge: lifetime(given.max_age) ?? 86_400_000,
  };
  const schemas = listOf(given.schemas ?? [])?.map(inOurWords) ?? given.schemas; // which is then refused
  const ours = { ...more, schemas } as unknown as StoreOptions<InOurWords<F>>;
  return storeArguments(knex, 'knex-schema-session-store', translated, ours);
}

/** A column under our name of its type; what is no column, or cannot be read, is left to be refused. */
function inOurWords(field: unknown): unknown {
  try {
    const { type } = field as { readonly type?: unknown };
    if (typeof type !== 'string' || !Object.hasOwn(SPELLINGS, type)) return field;
    const ours = SPELLINGS[type as ColumnTypeSpelling];
    return { ...(field as object), type: ours, ...(ours === 'text' && { args: [type.toLowerCase()] }) };
  } catch {
    return field;
  }
}
