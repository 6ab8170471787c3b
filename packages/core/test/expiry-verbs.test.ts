import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_expiry';
const schemas = [{ name: 'user_id', type: 'string', args: [100], index: true }] as const;

describeDatabases('lifetime and touch', (_, knex) => {
  let store: KnexSessionStore<typeof schemas>;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), { tableName: TABLE, schemas });
    await store.waitForSync();
  });
  beforeEach(async () => {
    await store.clear();
  });
  afterAll(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  const keys = () => store.repo().pluck('sid') as unknown as Promise<string[]>;
  const row = async () => ((await store.repo())[0] ?? {}) as Record<string, unknown>;

  describe('lifetime', () => {
    const left = async () => Number((await row()).expire_at) - Date.now();
    const DAY = 86_400_000;

    it.each([
      [5000, 5000],
      [undefined, DAY],
      [0, DAY],
      [Number.NaN, DAY],
      ['session', DAY],
      ['5000', DAY],
      [null, DAY],
      [() => 1, DAY],
    ])('gives maxAge %s the lifetime %d', async (maxAge, expected) => {
      await store.set('s1', {}, maxAge as number);
      const ms = await left();
      expect(ms).toBeLessThanOrEqual(expected);
      expect(ms).toBeGreaterThan(expected - 5000);
    });

    it('reads Infinity as the last instant of a Date', async () => {
      await store.set('s1', {}, Number.POSITIVE_INFINITY);
      expect(Number((await row()).expire_at)).toBe(8.64e15);
      expect(await store.get('s1')).toEqual({});
      expect((await store.find('all'))[0]?.expiresAt.getTime()).toBe(8.64e15);
    });

    it('saves a session with a negative maxAge as over', async () => {
      await store.set('s1', {}, -1);
      expect(await keys()).toEqual(['s1']);
      expect(await store.get('s1')).toBeNull();
      expect(await store.touch('s1')).toBe(false);
      expect(await store.update('s1', {})).toBeNull();
      expect(await store.count('all')).toBe(0);
    });

    it('takes a cookie in plain JSON at its word', async () => {
      const expires = new Date(Date.now() + 30 * DAY).toISOString();
      await store.set('s1', { cookie: { originalMaxAge: 30 * DAY, expires } });
      expect(await left()).toBeGreaterThan(29 * DAY);
    });

    it('takes cookie.expires from the row after a touch, where the cookie has a lifetime', async () => {
      const expires = new Date(Date.now() + 60_000).toISOString();
      await store.set('s1', { cookie: { originalMaxAge: 60_000, expires } });
      await store.touch('s1', 120_000);
      const cookie = (await store.get('s1'))?.cookie as { expires: string };
      expect(Date.parse(cookie.expires)).toBe(Number((await row()).expire_at));
      await store.set('s2', { cookie: { originalMaxAge: null, expires: null } });
      expect(await store.get('s2')).toEqual({ cookie: { originalMaxAge: null, expires: null } });
    });
  });

  describe('touch', () => {
    it('moves the expiry and leaves the data', async () => {
      await store.set('s1', { user_id: 'ada', n: 1 }, 5000);
      const before = await row();
      expect(await store.touch('s1', 60_000)).toBe(true);
      const after = await row();
      expect(Number(after.expire_at)).toBeGreaterThan(Number(before.expire_at) + 50_000);
      expect({ ...after, expire_at: 0 }).toEqual({ ...before, expire_at: 0 });
    });

    it('says true where the expiry is the same already', async () => {
      await store.set('s1', {}, Number.POSITIVE_INFINITY);
      expect(await store.touch('s1', Number.POSITIVE_INFINITY)).toBe(true);
    });

    it('never inserts', async () => {
      expect(await store.touch('s1')).toBe(false);
      expect(await keys()).toEqual([]);
    });

    it('replaces the cookie when it is given, and nothing else', async () => {
      await store.set('s1', { cookie: { originalMaxAge: 1000, path: '/' }, user_id: 'ada', n: 1 });
      expect(await store.touch('s1', 60_000, { originalMaxAge: 60_000, path: '/x' })).toBe(true);
      expect(await store.get('s1')).toEqual({ cookie: { originalMaxAge: 60_000, path: '/x' }, user_id: 'ada', n: 1 });
      expect(await store.touch('gone', 60_000, {})).toBe(false);
    });

    it('keeps what a save wrote while the cookie was replaced', async () => {
      await store.set('s1', { cookie: { path: '/' }, n: 0 });
      const other = new KnexSessionStore(knex(), { tableName: TABLE, schemas, sync: false });
      const saves = Array.from({ length: 10 }, (_, n) => other.update('s1', { cookie: { path: '/' }, n }));
      await Promise.allSettled([...saves, store.touch('s1', 60_000, { path: '/x' })]);
      expect((await store.get('s1'))?.n).toBe(9);
      await other.close();
    });
  });
});
