import type { Knex } from 'knex';
import { expect, it } from 'vitest';
import { describeServers } from '../src/describe.js';
import { DEADLOCKS } from '../src/error-code.js';
import { amount, sleep } from '../src/mode.js';
import { type Random, SEED } from '../src/random.js';
import { underLoad } from '../src/scenario.js';
import { collectStrays } from '../src/strays.js';

const TABLE = 'kss_deadlock';
const SHARED = ['shared-1', 'shared-2', 'shared-3', 'shared-4'];

/** A transaction of the app's that locks rows one by one, in an order of its own; how it ended. */
async function lockSome(knex: Knex, draw: Random): Promise<'committed' | 'deadlock'> {
  const sids = [...SHARED, 'client-0-1', 'client-1-1', 'client-2-1', 'client-3-1'].sort(() => draw.next() - 0.5);
  try {
    await knex.transaction(async (trx) => {
      for (const sid of sids) {
        await trx(TABLE)
          .where({ sid })
          .update({ expire_at: trx.raw('expire_at + 0') });
        await sleep(draw.between(0, 3));
      }
    });
    return 'committed';
  } catch (error) {
    if (DEADLOCKS.has(String((error as { code?: unknown }).code))) return 'deadlock';
    throw error;
  }
}

describeServers('transactions of the app that lock the same rows in another order', (server) => {
  const strays = collectStrays();

  it(`cost the store no call and no write (seed ${SEED})`, async () => {
    const app = server().open();
    const knexes = [server().open(), server().open()];
    const lost: string[] = [];
    for (const knex of knexes) {
      knex.on('query-error', ({ code }: { code?: unknown }) => {
        if (DEADLOCKS.has(String(code))) lost.push(String(code));
      });
    }
    let committed = 0;
    let appLost = 0;
    const { ledger } = await underLoad(
      {
        name: "deadlocks with the app's transactions",
        database: () => server().version,
        table: TABLE,
        knexes,
        direct: server().open(),
        timeout: 10_000,
        strays,
        heard: false,
      },
      async ({ draw, stores: [store] }) => {
        for (const sid of SHARED) await store?.set(sid, { n: 0 });
        const began = performance.now();
        const goesOn = () => {
          const took = performance.now() - began;
          // On a slow machine it may take longer until the store is the one that loses.
          return took < amount(2500, 30_000) || (lost.length === 0 && took < 20_000);
        };
        const sources = Array.from({ length: 3 }, () => draw.fork());
        // Saves of many shared rows at once go in one statement, which locks them in the order of their keys.
        const together = async () => {
          while (goesOn()) {
            await Promise.all(SHARED.map((sid) => store?.set(sid, { n: 0 })));
            await sleep(5);
          }
        };
        const others = sources.map(async (source) => {
          while (goesOn()) {
            if ((await lockSome(app, source)) === 'committed') committed += 1;
            else appLost += 1;
          }
        });
        await Promise.all([together(), ...others]);
        return lost.length + appLost;
      },
    ).finally(() => app.destroy());
    console.log(`deadlocks: the store lost ${lost.length}, the app ${appLost}; the app committed ${committed}`);
    expect(lost.length).toBeGreaterThan(0);
    expect([...ledger.errors]).toEqual([]);
  });
});
