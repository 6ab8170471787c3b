import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_test_many_pools';
const SERVERS: readonly DatabaseName[] = ['postgres', 'mariadb', 'mysql'];
const POOLS = 40;
const ROUNDS = 5;

const schemas = [{ name: 'user_id', type: 'string', args: [40], index: true }] as const;

describeDatabases(
  'many processes at once on one session',
  (database, knex) => {
    const pools: Knex[] = [];
    const stores: KnexSessionStore<typeof schemas>[] = [];

    beforeAll(async () => {
      await knex().schema.dropTableIfExists(TABLE);
      for (let i = 0; i < POOLS; i++) {
        const pool = database.open({ pool: { min: 0, max: 1 } });
        pools.push(pool);
        stores.push(new KnexSessionStore(pool, { tableName: TABLE, schemas, timestamps: true, gcInterval: 0 }));
        await stores[i]?.waitForSync(); // so that its connection is open
      }
    });
    beforeEach(async () => {
      await stores[0]?.clear();
    });
    afterAll(async () => {
      await Promise.all(stores.map((store) => store.close()));
      await Promise.all(pools.map((pool) => pool.destroy()));
      await knex().schema.dropTableIfExists(TABLE);
    });

    const rows = () => knex()(TABLE).select('sid', 'user_id', 'additional');
    const failures = async (calls: readonly Promise<unknown>[]) =>
      (await Promise.allSettled(calls)).flatMap((outcome) =>
        outcome.status === 'rejected' ? [String(outcome.reason)] : [],
      );

    it('takes a first save from each, and keeps one row', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const sid = `new-${round}`;
        expect(await failures(stores.map((store, n) => store.set(sid, { user_id: `user-${n}`, n })))).toEqual([]);
        const there = (await rows()).filter((row) => row.sid === sid);
        expect(there).toHaveLength(1);
        const { n } = JSON.parse(there[0].additional) as { n: number };
        expect(there[0].user_id).toBe(`user-${n}`); // columns and text are of one save
      }
    });

    it('takes a first save of one session from each, with neighbours among the keys', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        expect(await failures(stores.map((store, n) => store.set(`next-${round}-${n % 5}`, { n })))).toEqual([]);
      }
      expect(await rows()).toHaveLength(5 * ROUNDS);
    });

    it('takes whatever is called on it', async () => {
      const verbs: readonly ((store: KnexSessionStore<typeof schemas>, n: number) => Promise<unknown>)[] = [
        (store, n) => store.set('one', { user_id: `user-${n}`, n }),
        (store, n) => store.update('one', { user_id: `user-${n}`, n }),
        async (store, n) => {
          const loaded = await store.load('one');
          if (loaded !== null) await store.update('one', { user_id: `user-${n}`, n }, { revision: loaded.revision });
        },
        (store, n) => store.touch('one', 60_000 + n),
        (store) => store.destroy('one'),
        (store) => store.get('one'),
        (store) => store.find({ user_id: ['user-0', 'user-5'] }),
        (store, n) => store.destroyWhere({ user_id: `user-${n}` }),
        (store, n) => store.set(`other-${n}`, { user_id: 'other' }, -1),
        (store) => store.gc(),
      ];
      for (let round = 0; round < ROUNDS; round++) {
        const calls = stores.map((store, n) => verbs[(n + round) % verbs.length]?.(store, n));
        expect(await failures(calls.filter((call) => call !== undefined))).toEqual([]);
      }
      expect((await rows()).filter(({ sid }) => sid === 'one').length).toBeLessThanOrEqual(1);
    });

    it('takes ends of all sessions of an account while they are saved', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const calls = stores.map((store, n) => {
          if (n % 4 === 0) return store.destroyWhere({ user_id: 'ada' });
          if (n % 4 === 1) return store.update(`a-${n % 8}`, { user_id: 'ada', n });
          return store.set(`a-${n % 8}`, { user_id: 'ada', n });
        });
        expect(await failures(calls)).toEqual([]);
      }
      await stores[0]?.destroyWhere({ user_id: 'ada' });
      expect(await rows()).toEqual([]);
    });
  },
  SERVERS,
  { variants: [] }, // locks are a matter of the server
);
