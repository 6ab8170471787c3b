import { ExpressSessionStore, KnexSessionStore, type StoreOptions } from '@kss/express';
import type { Database } from '../databases.js';
import type { Peer } from '../peer.js';

/** Ours, as every ratio refers to it. */
export const OURS = 'KSS';

/** A core over an empty table, with its own knex. */
export async function openCore(
  database: Database,
  table: string,
  options: StoreOptions = {},
): Promise<{ core: KnexSessionStore; close(): Promise<void> }> {
  const knex = database.knex(table);
  try {
    await knex.schema.dropTableIfExists(table);
    const core = new KnexSessionStore(knex, { ...options, tableName: table, gcInterval: 0, syncTimeout: 30_000 });
    await core.waitForSync();
    const close = async () => {
      await core.close();
      await knex.schema.dropTableIfExists(table);
      await knex.destroy();
    };
    return { core, close };
  } catch (error) {
    await knex.destroy();
    throw error;
  }
}

/** Ours through the adapter for Express, as its peers are stores for Express. */
export const ours: Peer = {
  name: OURS,
  package: '@kss/express',
  kind: 'sql',
  serves: () => true,
  async open(database, table) {
    const { core, close } = await openCore(database, table);
    return { store: new ExpressSessionStore(core), close };
  },
};
