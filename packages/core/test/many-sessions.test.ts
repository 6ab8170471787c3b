import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { lookingAfter } from './patience.js';

const TABLE = 'kss_test_many_sessions';
const SERVERS: readonly DatabaseName[] = ['postgres', 'mariadb', 'mysql'];
const POOLS = 6;
const ROUNDS = 8;

const schemas = [{ name: 'user_id', type: 'string', args: [40], index: true }] as const;
type Store = KnexSessionStore<typeof schemas>;

describeDatabases(
  'several processes at once on many sessions',
  (database, knex) => {
    const pools: Knex[] = [];
    const stores: Store[] = [];

    beforeAll(async () => {
      await knex().schema.dropTableIfExists(TABLE);
      // A server that waits for a second before it looks for a deadlock hides it behind a retry; here it is a TIMEOUT.
      const afterCreate = lookingAfter('60s', database.name);
      for (let i = 0; i < POOLS; i++) {
        const pool = database.open({ pool: { min: 0, max: 4, afterCreate } });
        pools.push(pool);
        stores.push(new KnexSessionStore(pool, { tableName: TABLE, schemas, timeout: 5000, gcInterval: 0 }));
        await stores[i]?.waitForSync();
      }
    });
    afterEach(async () => {
      if (database.name !== 'postgres') return;
      // What hangs goes on to hang in the next test.
      await knex().raw(
        "select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and query like ?",
        [`%${TABLE}%`],
      );
    });
    afterAll(async () => {
      await Promise.all(stores.map((store) => store.close()));
      await Promise.all(pools.map((pool) => pool.destroy()));
      await knex().schema.dropTableIfExists(TABLE);
    });

    const verbs: Readonly<Record<string, (store: Store, sid: string, n: number) => Promise<unknown>>> = {
      set: (store, sid, n) => store.set(sid, { user_id: `user-${n}`, n }),
      update: (store, sid, n) => store.update(sid, { user_id: `user-${n}`, n }),
      touch: (store, sid, n) => store.touch(sid, 60_000 + n),
      destroy: (store, sid) => store.destroy(sid),
    };
    const PAIRS = Object.keys(verbs).flatMap((one) => Object.keys(verbs).map((other) => [one, other] as const));

    it.each(PAIRS)('lock no two of them against each other: %s and %s, in any order', async (one, other) => {
      const sids = Array.from({ length: 30 }, (_, n) => `many-${n}`);
      const failures = new Set<string>();
      for (let round = 0; round < ROUNDS; round++) {
        // So that the order on disk is none that an index has.
        const fresh = sids.map((_, i) => sids[(i * 7 + round) % sids.length] ?? '');
        await Promise.all(fresh.map((sid) => stores[0]?.set(sid, { n: 0 })));
        const calls = stores.flatMap((store, n) => {
          const order = n % 2 === 0 ? sids : sids.map((_, i) => sids[(i * 11 + n) % sids.length] ?? '');
          return order.map((sid) => verbs[n % 2 === 0 ? one : other]?.(store, sid, n));
        });
        for (const outcome of await Promise.allSettled(calls)) {
          if (outcome.status === 'rejected') failures.add(String(outcome.reason));
        }
        if (failures.size > 0) break;
      }
      expect([...failures]).toEqual([]);
    });
  },
  SERVERS,
  { variants: [] },
);
