import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { backfill, KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_alias_names';

// The statements read columns under short names of their own, which a column may have, too.
describeDatabases('columns that are named like the aliases of the statements', (_, knex) => {
  const schemas = [
    { name: 'e', type: 'string', args: [20] },
    { name: 's', type: 'integer' },
    { name: 'd', type: 'string', args: [20] },
    { name: 'xa', type: 'integer' },
  ] as const;
  const options = { tableName: TABLE, gcInterval: 0, sidName: 'r', schemas } as const;
  let store: KnexSessionStore<typeof schemas>;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), options);
    await store.waitForSync();
    for (const [i, sid] of ['c', 'a', 'b'].entries()) {
      await store.set(sid, { e: sid, s: 9 - i, d: `d${sid}`, xa: i }, 60_000 * (i + 1));
    }
  });
  afterAll(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it.each([
    ['e', ['a', 'b', 'c']],
    ['s', ['b', 'a', 'c']],
    ['d', ['a', 'b', 'c']],
    ['xa', ['c', 'a', 'b']],
    ['expiresAt', ['c', 'a', 'b']],
  ] as const)('are what a list is ordered by: %s', async (column, order) => {
    const found = await store.find('all', { orderBy: { column, direction: 'asc' } });
    expect(found.map(({ columns }) => columns.e)).toStrictEqual(order);
  });

  it('are read, searched and written as themselves', async () => {
    expect(await store.get('a')).toStrictEqual({ e: 'a', s: 8, d: 'da', xa: 1 });
    expect(await store.count({ e: 'a', s: 8, d: 'da', xa: 1 })).toBe(1);
    const loaded = await store.load('a');
    await store.update('a', { ...loaded?.session, xa: 1, n: 1 }, { revision: loaded?.revision });
    expect(await store.get('a')).toStrictEqual({ e: 'a', s: 8, d: 'da', xa: 1, n: 1 });
  });

  it('do not confuse the pages of a backfill', async () => {
    await knex()(TABLE).update({ d: null, additional: JSON.stringify({ d: 'filled' }) });
    const seen = await backfill(store, { chunk: 1 });
    expect(seen).toMatchObject({ filled: 3 });
    expect(await store.count({ d: 'filled' })).toBe(3);
  });
});
