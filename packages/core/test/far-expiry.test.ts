import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { LAST_INSTANT } from '../src/expiry.js';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_test_far_expiry';
const SID = 'one';
const YEAR = 366 * 86_400_000;

describeDatabases('an expiry far away', (_, knex) => {
  let store: KnexSessionStore;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), { tableName: TABLE, timestamps: true, gcInterval: 0 });
    await store.waitForSync();
  });
  beforeEach(async () => {
    await store.clear();
  });
  afterAll(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  const expiresAt = async () => (await store.find('all'))[0]?.expiresAt.getTime();

  it.each([
    ['the last second of 32 bits', Date.parse('2038-01-19T03:14:07.000Z')],
    ['the first after it', Date.parse('2038-01-19T03:14:08.000Z')],
    ['2 ** 32 seconds', 2 ** 32 * 1000],
    ['the end of the year 9999', Date.parse('9999-12-31T23:59:59.999Z')],
    ['the beginning of the year 10000', Date.parse('+010000-01-01T00:00:00.000Z')],
    ['the last instant of a Date', LAST_INSTANT],
    ['a lifetime of 12 years', Date.now() + 12 * YEAR],
  ])('is kept to the millisecond, by every verb that moves it: %s', async (_title, at) => {
    const cookie = { originalMaxAge: 1000, expires: new Date(at).toISOString() };
    await store.set(SID, { cookie, n: 1 });
    expect(await expiresAt()).toBe(at);
    expect((await store.get(SID))?.cookie).toEqual(cookie);

    expect(await store.touch(SID, 60_000)).toBe(true);
    expect(await store.touch(SID, undefined, cookie)).toBe(true);
    expect(await expiresAt()).toBe(at);

    const loaded = await store.load(SID);
    expect(await store.update(SID, { cookie, n: 2 }, { revision: loaded?.revision })).not.toBeNull();
    expect(await expiresAt()).toBe(at);
    expect(await store.gc()).toBe(0);
    expect((await store.get(SID))?.n).toBe(2);
  });

  it.each([Number.POSITIVE_INFINITY, Number.MAX_VALUE])('is the last instant for the maxAge %d', async (maxAge) => {
    await store.set(SID, { n: 1 }, maxAge);
    expect(await expiresAt()).toBe(LAST_INSTANT);
    await store.set(SID, { n: 1 }, 60_000);
    expect(await store.touch(SID, maxAge)).toBe(true);
    expect(await expiresAt()).toBe(LAST_INSTANT);
    await store.set(SID, { n: 1 }, 60_000);
    expect(await store.update(SID, { n: 1 }, { maxAge })).not.toBeNull();
    expect(await expiresAt()).toBe(LAST_INSTANT);
    expect(await store.gc()).toBe(0);
  });

  it.each([-1, -60_000, -Number.MAX_VALUE, Number.NEGATIVE_INFINITY])(
    'is behind us for the maxAge %d',
    async (maxAge) => {
      const ends: readonly (() => Promise<unknown>)[] = [
        () => store.set(SID, { n: 2 }, maxAge),
        () => store.update(SID, { n: 2 }, { maxAge }),
        () => store.touch(SID, maxAge),
        () => store.touch(SID, maxAge, { path: '/' }),
        () => store.set(SID, { n: 2, cookie: { maxAge } }),
      ];
      for (const end of ends) {
        await store.set(SID, { n: 1 });
        expect(await store.get(SID)).toEqual({ n: 1 });
        await end();
        expect(await store.get(SID)).toBeNull();
        expect(await store.count('all')).toBe(0);
        expect(await store.touch(SID, 60_000)).toBe(false);
        expect(await store.update(SID, { n: 3 })).toBeNull();
        expect(await store.gc()).toBe(1);
      }
    },
  );
});
