import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_odd_revisions';

describeDatabases('a revision of another program', (_, knex) => {
  const stores: KnexSessionStore[] = [];

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    for (const batch of [{}, false] as const) {
      const store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, batch });
      stores.push(store);
      await store.waitForSync();
    }
  });
  afterAll(async () => {
    for (const store of stores) await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it.each([0, -1, 2 ** 52, 2 ** 53 - 1])('hinders no save of a session that lives: %d', async (revision) => {
    for (const store of stores) {
      for (const sid of ['a', 'b', 'c']) {
        await knex()(TABLE).where({ sid }).delete();
        await knex()(TABLE).insert({ sid, expire_at: Date.now() + 60_000, revision, additional: '{}' });
      }
      const saved = await Promise.all([store.update('a', { n: 1 }), store.update('b', { n: 1 })]);
      expect(saved).not.toContain(null);
      const loaded = await store.load('c');
      expect(await store.update('c', { n: 1 }, { revision: loaded?.revision })).not.toBeNull();
      for (const sid of ['a', 'b', 'c']) {
        const again = await store.load(sid);
        expect(await store.update(sid, { n: 2 }, { revision: again?.revision })).not.toBeNull();
        expect(await store.get(sid)).toStrictEqual({ n: 2 });
      }
    }
  });
});
