import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LAST_INSTANT } from '../src/expiry.js';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_odd_instants';
const COOKIE = { originalMaxAge: 1000, expires: '2031-01-01T00:00:00.000Z' };

describeDatabases('an expiry of another program', ({ name }, knex) => {
  let store: KnexSessionStore;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, timestamps: true });
    await store.waitForSync();
  });
  afterAll(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  const insert = async (expire_at: unknown) => {
    await knex()(TABLE).delete();
    const additional = JSON.stringify({ n: 1, cookie: COOKIE });
    await knex().raw(
      `insert into ${TABLE} (sid, expire_at, additional, created_at) values ('a', ${expire_at}, ?, ${expire_at})`,
      [additional],
    );
  };
  const all = ['9223372036854775807', '8640000000000001'];
  const ofNoType = ["'soon'", "'2031-01-01'", '9e999', '8.64e15', "x'00'"];

  it.each(name === 'sqlite' ? [...all, ...ofNoType] : all)(
    'is the last instant of a Date at the latest: %s',
    async (at) => {
      await insert(at);
      const last = new Date(LAST_INSTANT);
      expect(await store.get('a')).toStrictEqual({ n: 1, cookie: { ...COOKIE, expires: last.toISOString() } });
      const [info] = await store.find('all', { data: true });
      expect(info).toMatchObject({ expiresAt: last, createdAt: last, data: { n: 1 } });
      const loaded = await store.load('a');
      expect(await store.touch('a', 5000, { path: '/' })).toBe(true);
      expect(await store.update('a', { n: 2 }, { revision: loaded?.revision })).not.toBeNull();
      expect(await store.get('a')).toStrictEqual({ n: 2 });
    },
  );

  it.each(['-1', '-9223372036854775808', '0'])('is over: %s', async (at) => {
    await insert(at);
    expect(await store.get('a')).toBeNull();
    expect(await store.find('all')).toStrictEqual([]);
    expect(await store.gc()).toBe(1);
  });
});
