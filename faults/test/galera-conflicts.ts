import { isKssError, KnexSessionStore, type StoreOptions } from '@kss/core';
import type { Knex } from 'knex';
import { describe, expect, it } from 'vitest';
import { type Galera, openNode, statusOf } from '../src/galera.js';
import { amount, SHORT } from '../src/mode.js';
import { withStores } from '../src/with-stores.js';

const ROUNDS = amount(40, 300);

/** Who tries again: the server by itself, which it does once by default, or the store. */
const RETRIES = { server: 'set session wsrep_retry_autocommit = 1', store: 'set session wsrep_retry_autocommit = 0' };

const MODES = { batched: {}, 'one by one': { batch: false } } as const;

/** Two nodes write one session at the same moment: the cluster takes one, and refuses the other with a deadlock. */
export function writesOnTwoNodesAtOnce(galera: () => Galera): void {
  const onEachNode = <T>(
    options: StoreOptions,
    retries: keyof typeof RETRIES,
    use: (stores: readonly KnexSessionStore[]) => Promise<T>,
  ) => {
    const pools = galera().ports.map((port) => openNode(port, 3, RETRIES[retries]));
    return withStores(pools, { tableName: 'galera_conflicts', ...options }, use);
  };

  for (const retries of ['server', 'store'] as const) {
    for (const [mode, options] of Object.entries(MODES)) {
      const spared = SHORT && (mode === 'batched') === (retries === 'server'); // two of the four have all there is
      describe.skipIf(spared)(`writes ${mode}, tried again by the ${retries}`, () => {
        it('merge: both changes are kept, on every node', async () => {
          const refused = await refusals(galera());
          await onEachNode(options, retries, async (stores) => {
            for (let i = 0; i < ROUNDS; i++) {
              const sids = Array.from({ length: 5 }, (_, k) => `sid-${i}-${k}`);
              await together(sids, (sid) => one(stores, i).set(sid, { keep: i }));
              await together(stores, async (store, k) => {
                const loaded = await together(sids, (sid) => store.load(sid));
                await together(sids, async (sid, s) => {
                  const { session, revision } = loaded[s] ?? {};
                  const saved = await store.update(sid, { ...session, [`node${k}`]: i }, revision ? { revision } : {});
                  expect(saved).not.toBeNull();
                });
              });
              for (const store of stores)
                for (const sid of sids) expect(await store.get(sid)).toEqual({ keep: i, node0: i, node1: i, node2: i });
            }
          });
          // Or the nodes never met, and nothing was tried.
          expect(await refusals(galera())).toBeGreaterThan(refused);
        });

        it('reject: one save of each moment is kept, and the others are told', async () => {
          await onEachNode({ ...options, onConflict: 'reject' }, retries, async (stores) => {
            for (let i = 0; i < ROUNDS; i++) {
              const sid = `sid-${i}`;
              await one(stores, i).set(sid, { by: 'nobody' });
              const loaded = await together(stores, (store) => store.load(sid));
              const saves = await Promise.allSettled(
                stores.map((store, k) => {
                  const revision = loaded[k]?.revision;
                  return store.update(sid, { by: k }, revision ? { revision } : {});
                }),
              );
              const told = saves.filter((save) => save.status === 'rejected' && isKssError(save.reason, 'CONFLICT'));
              expect([i, told.length]).toEqual([i, stores.length - 1]);
              const by = saves.findIndex(({ status }) => status === 'fulfilled');
              for (const store of stores) expect(await store.get(sid)).toEqual({ by });
            }
          });
        });

        it('logins under one sid: one row, the same on every node, and a later save reaches it', async () => {
          await onEachNode(options, retries, async (stores) => {
            for (let i = 0; i < ROUNDS; i++) {
              const sid = `sid-${i}`;
              await together(stores, (store, k) => store.set(sid, { by: k }));
              const loaded = await together(stores, (store) => store.load(sid));
              expect(new Set(loaded.map((found) => JSON.stringify(found?.session))).size).toBe(1);
              const [first] = loaded;
              if (first) await one(stores, i).update(sid, { last: i }, { revision: first.revision });
              for (const store of stores) expect(await store.get(sid)).toEqual({ last: i });
            }
          });
        });
      });
    }
  }

  it('tokens go on from node to node, beside a counter of the app that each node counts in steps of its own', async () => {
    const pools = galera().ports.map((port) => openNode(port, 3));
    const [first] = pools as [Knex];
    await withStores(pools, { tableName: 'galera_tokens', onConflict: 'reject' }, async (stores) => {
      await first.raw('alter table galera_tokens add column counted bigint not null auto_increment unique');
      const steps = await Promise.all(pools.map((pool) => pool.raw('select @@auto_increment_offset as step')));
      expect(new Set(steps.map(([[row]]) => row.step)).size).toBe(3); // so that they do count apart
      for (let i = 0; i < ROUNDS; i++) {
        const sids = Array.from({ length: 5 }, (_, k) => `sid-${i}-${k}`);
        let revisions = await together(sids, (sid) => one(stores, i).set(sid, { steps: 0 }));
        for (let step = 1; step <= 6; step++) {
          // With one that were wrong, the next save would be refused: CONFLICT.
          revisions = await together(sids, async (sid, k) => {
            const revision = revisions[k];
            const next = revision && (await one(stores, i + step).update(sid, { steps: step }, { revision }));
            if (!next) throw new Error(`${sid} is gone in step ${step}.`);
            return next;
          });
        }
      }
      const numbers = await first('galera_tokens').pluck('counted');
      expect(new Set(numbers).size).toBe(ROUNDS * 5);
    });
  });

  it('the table is made once where a process starts on each node at once', async () => {
    const pools = galera().ports.map((port) => openNode(port, 3));
    const [first] = pools as [Knex];
    try {
      for (let i = 0; i < amount(3, 20); i++) {
        await first.schema.dropTableIfExists('galera_started');
        const stores = pools.map(
          (pool) => new KnexSessionStore(pool, { tableName: 'galera_started', gcInterval: 0, timestamps: true }),
        );
        await together(stores, (store, k) => store.set(`sid-${k}`, { k }));
        for (const store of stores) expect(await store.count('all')).toBe(3);
        for (const store of stores) await store.close();
      }
    } finally {
      await first.schema.dropTableIfExists('galera_started');
      for (const pool of pools) await pool.destroy();
    }
  });

  it('collected from all nodes at once, each expired row counts once, and no live one goes', async () => {
    const [expired, live] = [amount(1500, 6000), 200];
    await onEachNode({}, 'store', async (stores) => {
      const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
      await together(numbers(expired), (i) => one(stores, 0).set(`expired-${i}`, {}, -1));
      await together(numbers(live), (i) => one(stores, 0).set(`live-${i}`, {}));
      const deleted = await together(stores, (store) => store.gc());
      expect(deleted.reduce((sum, count) => sum + count)).toBe(expired);
      for (const store of stores) expect(await store.count('all')).toBe(live);
    });
  });
}

/** How many writes the nodes refused or broke off, because another node's came first. */
async function refusals(galera: Galera): Promise<number> {
  let sum = 0;
  for (const port of galera.ports) {
    const node = openNode(port, 0, undefined, { max: 1 });
    for (const name of ['wsrep_local_cert_failures', 'wsrep_local_bf_aborts'])
      sum += Number(await statusOf(node, name));
    await node.destroy();
  }
  return sum;
}

function together<I, O>(inputs: readonly I[], call: (input: I, i: number) => Promise<O>): Promise<O[]> {
  return Promise.all(inputs.map(call));
}

function one(stores: readonly KnexSessionStore[], i: number): KnexSessionStore {
  return stores[i % stores.length] as KnexSessionStore;
}
