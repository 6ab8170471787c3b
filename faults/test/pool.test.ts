import type { Knex } from 'knex';
import { describe, expect, it } from 'vitest';
import { describeServers } from '../src/describe.js';
import { DEADLOCKS } from '../src/error-code.js';
import { amount, sleep } from '../src/mode.js';
import { SEED } from '../src/random.js';
import { underLoad } from '../src/scenario.js';
import { collectStrays } from '../src/strays.js';

const MOST = 4;
const TIMEOUT = 800;

/** A transaction that has locked every row: again, where the load's own locks made that a deadlock. */
async function holdAll(knex: Knex): Promise<Knex.Transaction> {
  for (;;) {
    const holder = await knex.transaction();
    try {
      await holder('kss_busy').update({ expire_at: holder.raw('expire_at + 0') });
      return holder;
    } catch (error) {
      await holder.rollback();
      if (!DEADLOCKS.has(String((error as { code?: unknown }).code))) throw error;
    }
  }
}

describeServers('one pool for the app and the store', (server, { name }) => {
  const strays = collectStrays();
  const slow = (knex: Knex, ms: number) =>
    name === 'postgres' ? knex.raw('select pg_sleep(?)', [ms / 1000]) : knex.raw('select sleep(?)', [ms / 1000]);

  it(`times the store out while the app holds every connection, and serves again afterwards (seed ${SEED})`, async () => {
    const knex = server().open({ pool: { min: 0, max: MOST } });
    const { ledger } = await underLoad(
      {
        name: "pool exhausted by the app's long transactions",
        database: () => server().version,
        table: 'kss_pool',
        knexes: [knex],
        direct: server().open(),
        timeout: TIMEOUT,
        strays,
      },
      async ({ ledger, draw }) => {
        const faults = amount(1, 10);
        for (let round = 0; round < faults; round++) {
          await sleep(draw.between(200, 500));
          const held = await Promise.all(Array.from({ length: MOST }, () => knex.transaction()));
          const before = ledger.acknowledgedWrites;
          await sleep(draw.between(TIMEOUT + 300, amount(TIMEOUT + 500, 4 * TIMEOUT)));
          expect(ledger.acknowledgedWrites).toBe(before);
          for (const transaction of held) await transaction.rollback();
          await ledger.recovered(performance.now(), 15_000);
        }
        return faults;
      },
    );
    expect([...ledger.errors.keys()]).toEqual(['TIMEOUT']);
  });

  describe('while the store is busy', () => {
    it(`leaves the app its half of the connections (seed ${SEED})`, async () => {
      const knex = server().open({ pool: { min: 0, max: MOST } });
      const took: number[] = [];
      let most = 0;
      await underLoad(
        {
          name: "the app's own queries, with the store's held up by a lock",
          database: () => server().version,
          table: 'kss_busy',
          knexes: [knex],
          direct: server().open(),
          timeout: 10_000,
          clients: 32,
          strays,
          heard: false,
        },
        async ({ ledger, draw }) => {
          const direct = server().open();
          const faults = amount(2, 12);
          for (let round = 0; round < faults; round++) {
            await sleep(draw.between(200, 400));
            // Every statement of the store waits for the rows that this holds.
            const holder = await holdAll(direct);
            await sleep(200);
            for (let query = 0; query < 4; query++) {
              const began = performance.now();
              await Promise.all([slow(knex, 20), slow(knex, 20)]);
              took.push(performance.now() - began);
              most = Math.max(most, (knex.client.pool as { numUsed(): number }).numUsed());
            }
            await holder.rollback();
            await ledger.recovered(performance.now(), 15_000);
          }
          await direct.destroy();
          return faults;
        },
      );
      // Two at a time, each of 20 ms, never behind the store's.
      expect(Math.max(...took)).toBeLessThan(1000);
      expect(most).toBeLessThanOrEqual(MOST / 2);
    });
  });
});
