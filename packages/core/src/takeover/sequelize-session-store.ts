import type { Knex } from 'knex';
import { KssError } from '../errors.js';
import type { FieldShape, SchemaField, SessionData, StoreOptions } from '../types.js';
import { known, lifetime, type StoreArguments, storeArguments } from './arguments.js';

/** The options of sequelize-session-store. */
export interface SequelizeSessionStoreOptions {
  /** The connection is that of the knex; accepted, so that the options can stay as they are. */
  readonly sequelize?: unknown;
  /** The same, as its documentation has it. */
  readonly db?: unknown;
  /** The model whose table it is. */
  readonly model?: { readonly tableName?: string };
  /** Further columns and their values, out of a session: those that `schemas` names are filled. */
  readonly extras?: (session: SessionData) => object | null | undefined;
  readonly expiration?: {
    /** Milliseconds from one collection to the next; false or 0: never. */
    readonly interval?: number | false;
    /** Milliseconds that a session lives whose cookie does not say it; 0: it is over at once. */
    readonly life?: number;
  };
}

/**
 * The table that sequelize-session-store meant: as published, it saves nothing.
 *
 * @param knex in place of its Sequelize
 * @param options those that it had
 * @param more options of ours; `schemas` names the columns that `extras` fills
 * @example
 * const sessions = new KnexSessionStore(
 *   ...sequelizeSessionStore(knex, { extras }, { schemas: [{ name: 'user_id', type: 'string' }] }),
 * );
 * @throws KssError INVALID_OPTION
 */
export function sequelizeSessionStore<const F extends readonly FieldShape[] = readonly []>(
  knex: Knex,
  options: SequelizeSessionStoreOptions = {},
  more: StoreOptions<F> = {},
): StoreArguments<F> {
  const names = ['sequelize', 'db', 'model', 'extras', 'expiration'] as const;
  const given = known(options, names, 'sequelize-session-store');
  const { interval = 3_600_000, life = 86_400_000 } = known(given.expiration ?? {}, ['interval', 'life'], 'expiration');
  const { extras } = given;
  if (extras !== undefined && typeof extras !== 'function') {
    throw new KssError('INVALID_OPTION', 'extras must be a function of the session.');
  }
  const schemas = (more.schemas ?? []) as readonly SchemaField[];
  const filled = schemas.map((field) =>
    extras === undefined || field.from !== undefined
      ? field
      : { ...field, from: (session: SessionData) => (extras(session) as SessionData | undefined)?.[field.name] },
  );
  const translated = {
    tableName: given.model?.tableName ?? 'session',
    gcInterval: interval === false ? 0 : interval,
    maxAge: lifetime(life),
  };
  const ours = { ...more, schemas: filled } as unknown as StoreOptions<F>;
  return storeArguments(knex, 'sequelize-session-store', translated, ours);
}
