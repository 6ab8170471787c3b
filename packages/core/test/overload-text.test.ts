import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_overload_text';
const MI = 1024 * 1024;

describeDatabases(
  'sessions of more than 128 Mi characters',
  (_, knex) => {
    let store: KnexSessionStore;
    const giant = 'x'.repeat(130 * MI);
    const length = async (sid: string) => ((await store.get(sid))?.text as string | undefined)?.length;

    beforeAll(async () => {
      await knex().schema.dropTableIfExists(TABLE);
      const options = { maxSessionBytes: 200 * MI, timeout: 60_000 };
      store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, ...options });
      await store.waitForSync();
    });
    beforeEach(async () => {
      await store.clear();
    });
    afterAll(async () => {
      await store.close();
      await knex().schema.dropTableIfExists(TABLE);
    });

    it('are saved, where the option allows them', async () => {
      await store.set('giant', { text: giant });
      expect(await length('giant')).toBe(giant.length);
    });

    it('leave room for others, and not for any number of them', async () => {
      const calls = [
        store.set('giant', { text: giant }),
        store.set('small', { n: 1 }),
        store.set('half', { text: giant.slice(0, 60 * MI) }),
        store.set('too much', { text: giant.slice(0, 10 * MI) }),
        store.set('small too', { n: 2 }),
      ];
      const results = await Promise.allSettled(calls);
      expect(results.map(({ status }) => status === 'fulfilled')).toStrictEqual([true, true, true, false, true]);
      expect(results[3]).toMatchObject({ reason: failure('OVERLOADED', 'nothing was changed') });
      expect([await length('giant'), await length('half')]).toStrictEqual([giant.length, 60 * MI]);
      expect(await Promise.all(['small', 'too much', 'small too'].map((sid) => store.get(sid)))).toStrictEqual([
        { n: 1 },
        null,
        { n: 2 },
      ]);
    });
  },
  ['sqlite'],
  { variants: [] },
);
