import { randomUUID } from 'node:crypto';
import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isKssError, KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_update';
const schemas = [{ name: 'user_id', type: 'string', args: [100], index: true }] as const;

function rejection(code: string) {
  return expect.objectContaining({ name: 'KssError', code });
}

describeDatabases('load, update and order', (_, knex) => {
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

  describe('load and update', () => {
    it('replaces while the session lives', async () => {
      await store.set('s1', { n: 1 });
      const loaded = await store.load('s1');
      expect(loaded?.session).toEqual({ n: 1 });
      const next = await store.update('s1', { n: 2 }, { revision: loaded?.revision, maxAge: 5000 });
      expect(next).not.toBeNull();
      expect(await store.get('s1')).toEqual({ n: 2 });
      expect(await store.update('s1', { n: 3 }, { revision: next ?? undefined })).not.toBeNull();
      expect(await store.update('s1', { n: 4 }, { revision: loaded?.revision })).not.toBeNull();
    });

    it('does not bring back what was ended, by destroy, destroyWhere, or a DELETE', async () => {
      const ends = [
        () => store.destroy('s1'),
        () => store.destroyWhere({ user_id: 'ada' }),
        () => store.repo().where('sid', 's1').delete(),
        () => store.clear(),
      ];
      for (const end of ends) {
        const revision = await store.set('s1', { user_id: 'ada' });
        await end();
        expect(await store.update('s1', {}, { revision })).toBeNull();
        expect(await store.update('s1', {})).toBeNull();
        expect(await store.touch('s1', 1000, { path: '/' })).toBe(false);
        expect(await keys()).toEqual([]);
      }
    });

    it('does not write into a later session of the same sid', async () => {
      const first = await store.set('s1', { who: 'ada' });
      const loaded = await store.load('s1');
      await store.destroy('s1');
      const second = await store.set('s1', { who: 'bob' });
      expect(await store.update('s1', { who: 'late' }, { revision: first })).toBeNull();
      expect(await store.update('s1', { who: 'late' }, { revision: loaded?.revision })).toBeNull();
      expect(await store.get('s1')).toEqual({ who: 'bob' });
      expect(await store.update('s1', { who: 'bob again' }, { revision: second })).not.toBeNull();
    });

    it('counts a session that expired as another, too', async () => {
      const first = await store.set('s1', { who: 'ada' });
      await store.touch('s1', -1);
      await store.set('s1', { who: 'bob' });
      expect(await store.update('s1', { who: 'late' }, { revision: first })).toBeNull();
    });

    it('keeps the incarnation when a live session is set again', async () => {
      const first = await store.set('s1', { n: 1 });
      const again = await store.set('s1', { n: 2 });
      expect(await store.update('s1', { n: 3 }, { revision: first })).not.toBeNull();
      expect(await store.update('s1', { n: 4 }, { revision: again })).not.toBeNull();
    });

    it('refuses a revision that it did not give', async () => {
      const call = store.update('s1', {}, { revision: {} as never });
      await expect(call).rejects.toEqual(rejection('INVALID_OPTION'));
    });

    it('shows nothing of the revision', async () => {
      const revision = await store.set('s1', {});
      expect(JSON.stringify(revision)).toBe('{}');
      expect(Object.getOwnPropertyNames(revision)).toEqual([]);
    });
  });

  describe('order', () => {
    it('runs the calls for one sid in their order', async () => {
      const sid = randomUUID();
      const results = await Promise.all([
        store.set(sid, { n: 1 }),
        store.get(sid),
        store.touch(sid),
        store.destroy(sid),
        store.get(sid),
        store.set(sid, { n: 2 }),
        store.get(sid),
      ]);
      expect([results[1], results[2], results[4], results[6]]).toEqual([{ n: 1 }, true, null, { n: 2 }]);
    });

    it('lets find, count, destroyWhere, clear and gc see the writes called before them', async () => {
      const writes = Array.from({ length: 20 }, (_, n) => store.set(`s${n}`, { user_id: 'ada' }));
      expect(await store.count({ user_id: 'ada' })).toBe(20);
      await Promise.all(writes);
      void store.set('late', { user_id: 'ada' });
      expect(await store.destroyWhere({ user_id: 'ada' })).toBe(21);
      void store.set('dead', {}, -1);
      expect(await store.gc()).toBe(1);
      void store.set('later', {});
      expect(await store.clear()).toBe(1);
    });
  });

  describe('a row that cannot be read', () => {
    it('is gone or refused, as asked, and reported', async () => {
      const errors: Error[] = [];
      const own = new KnexSessionStore(knex(), { tableName: TABLE, schemas, onError: (error) => errors.push(error) });
      for (const broken of ['{"n":', '[1]', '"text"', 'null']) {
        await own.set('s1', {});
        await own.repo().where('sid', 's1').update({ additional: broken });
        expect(await own.get('s1')).toBeNull();
        await expect(own.load('s1', { unreadable: 'reject' })).rejects.toEqual(rejection('UNREADABLE_ROW'));
        expect((await own.find('all', { data: true }))[0]?.data).toBeUndefined();
      }
      expect(errors.length).toBe(12);
      expect(errors.every((error) => isKssError(error, 'UNREADABLE_ROW'))).toBe(true);
      await own.close();
    });
  });
});
