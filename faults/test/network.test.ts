import { startProxy } from '@kss/test-kit/proxy';
import { expect, it } from 'vitest';
import { startCuttingProxy } from '../src/cutting-proxy.js';
import { describeServers } from '../src/describe.js';
import { amount, sleep } from '../src/mode.js';
import { random, SEED } from '../src/random.js';
import { underLoad } from '../src/scenario.js';
import { collectStrays } from '../src/strays.js';

const BYTES = 40_000;

describeServers('connections that break in the middle of statements and of answers', (server) => {
  const strays = collectStrays();

  it(`are given up, and nothing that was acknowledged is lost (seed ${SEED})`, async () => {
    const proxy = await startCuttingProxy(server().port, random(SEED), BYTES);
    // A connection that is swallowed while it is made holds a place in the pool until the driver or the pool gives it up.
    const open = () => server().open({ port: proxy.port, connectTimeout: 1000, acquireConnectionTimeout: 1500 });
    try {
      await underLoad(
        {
          name: 'connections closed, reset or stalled at a random byte',
          database: () => server().version,
          table: 'kss_network',
          knexes: [open(), open()],
          direct: server().open(),
          timeout: 1000,
          options: { sync: false },
          strays,
        },
        async ({ ledger }) => {
          proxy.begin();
          await sleep(amount(3000, 45_000));
          await proxy.heal();
          await ledger.recovered(performance.now(), 15_000);
          // Whoever gave them up has closed them: the load goes on over others.
          await expect.poll(() => proxy.stalled(), { timeout: 10_000 }).toBe(0);
          return Object.values(proxy.met).reduce((sum, count) => sum + count, 0);
        },
      );
    } finally {
      await proxy.close();
    }
    for (const fate of ['close', 'reset', 'stall'] as const) expect(proxy.met[fate]).toBeGreaterThan(0);
  });

  it(`are closed where every answer is lost for longer than the deadline (seed ${SEED})`, async () => {
    const proxy = await startProxy({ host: '127.0.0.1', port: server().port });
    const open = () => server().open({ port: proxy.port, connectTimeout: 700 });
    try {
      const { ledger } = await underLoad(
        {
          name: 'every answer lost for longer than the deadline',
          database: () => server().version,
          table: 'kss_silence',
          knexes: [open(), open()],
          direct: server().open(),
          timeout: 700,
          strays,
        },
        async ({ ledger, draw }) => {
          const faults = amount(1, 10);
          for (let round = 0; round < faults; round++) {
            await sleep(draw.between(200, amount(400, 1000)));
            proxy.stall();
            await sleep(draw.between(1000, amount(1200, 2500)));
            proxy.resume();
            await ledger.recovered(performance.now(), 15_000);
            await expect.poll(() => proxy.broken, { timeout: 10_000 }).toBe(0);
          }
          return faults;
        },
      );
      expect(ledger.errors.get('TIMEOUT')).toBeGreaterThan(0);
    } finally {
      await proxy.stop();
    }
  });
});
