import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore, type StoreOptions } from '../src/index.js';
import { watch } from './watch.js';

const TABLE = 'kss_unbatched';
const sids = Array.from({ length: 10 }, (_, i) => `s${i}`);
const IS_DEFAULT = process.env.KSS_TEST_BATCH === 'off';

describeDatabases('calls of one turn, one statement for one call', (_, knex) => {
  const opened: KnexSessionStore[] = [];
  const open = async (options?: StoreOptions) => {
    const store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, ...options });
    opened.push(store);
    await store.waitForSync();
    return store;
  };

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
  });
  afterAll(async () => {
    for (const store of opened) await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it.each<[StoreOptions['batch'], number]>([
    [false, sids.length],
    [{}, 1],
    [undefined, IS_DEFAULT ? sids.length : 1],
  ])('where the option batch is %j', async (batch, statements) => {
    const store = await open(batch === undefined ? {} : { batch });
    await Promise.all(sids.map((sid) => store.set(sid, { sid })));
    const seen = watch(knex());
    const sessions = await Promise.all(sids.map((sid) => store.get(sid)));
    seen.stop();
    expect(sessions).toStrictEqual(sids.map((sid) => ({ sid })));
    expect(seen.sent).toHaveLength(statements);
  });
});
