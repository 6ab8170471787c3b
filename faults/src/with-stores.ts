import { KnexSessionStore, type StoreOptions } from '@kss/core';
import type { Knex } from 'knex';

/**
 * Opens a store on each pool, each as a process of the app has it, on a table that is new; afterwards drops the table and closes
 * all, whatever happened.
 */
export async function withStores<T>(
  pools: readonly Knex[],
  options: StoreOptions & { readonly tableName: string },
  use: (stores: readonly KnexSessionStore[]) => Promise<T>,
): Promise<T> {
  const [first] = pools;
  if (first === undefined) throw new Error('A store needs a pool.');
  await first.schema.dropTableIfExists(options.tableName);
  const stores: KnexSessionStore[] = [];
  try {
    for (const pool of pools) {
      const store = new KnexSessionStore(pool, { gcInterval: 0, onError: () => {}, ...options });
      stores.push(store);
      await store.waitForSync();
    }
    return await use(stores);
  } finally {
    for (const store of stores) await store.close();
    await first.schema.dropTableIfExists(options.tableName).catch(() => {});
    await Promise.all(pools.map((pool) => pool.destroy()));
  }
}
