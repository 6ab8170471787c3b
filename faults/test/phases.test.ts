import { expect, it } from 'vitest';
import { describeServers } from '../src/describe.js';
import { causeCode } from '../src/error-code.js';
import { amount, sleep } from '../src/mode.js';
import type { OwnServer } from '../src/own-server.js';
import { signal } from '../src/processes.js';
import { SEED } from '../src/random.js';
import { underLoad } from '../src/scenario.js';
import { collectStrays } from '../src/strays.js';

// cannot_connect_now: what a PostgreSQL says that starts up or shuts down.
const NOT_NOW = '57P03';

describeServers('a server that is shut down and started in order', (server, { name }) => {
  const strays = collectStrays();

  it(`loses nothing while it shuts down and starts up (seed ${SEED})`, async () => {
    const { ledger } = await underLoad(
      {
        name: 'server shut down in order and started',
        database: () => server().version,
        table: 'kss_restarted',
        knexes: [server().open(), server().open()],
        direct: server().open(),
        timeout: 2000,
        strays,
      },
      async ({ ledger, draw }) => {
        const faults = amount(1, 12);
        for (let round = 0; round < faults; round++) {
          await sleep(draw.between(200, amount(400, 1200)));
          await server().shutDown();
          await sleep(draw.between(0, 300));
          await server().restart();
          await ledger.recovered(performance.now(), 15_000);
        }
        return faults;
      },
    );
    expect([...ledger.errors.keys()]).toEqual(['DATABASE']);
  });

  it.runIf(name === 'postgres')(
    `fails at once while it recovers or waits for its clients to go (seed ${SEED})`,
    async () => {
      const heard = new Map<string, number>();
      await underLoad(
        {
          name: 'server in recovery, and in a shutdown that waits',
          database: () => server().version,
          table: 'kss_phases',
          knexes: [server().open({ pool: { min: 0, max: 4 } }), server().open({ pool: { min: 0, max: 4 } })],
          direct: server().open(),
          timeout: 2000,
          strays,
        },
        async ({ ledger, draw, stores: [store] }) => {
          const faults = amount(1, 6);
          const probe = async (moments: number) => {
            for (let i = 0; i < moments; i++) {
              const began = performance.now();
              await store?.get('probe').catch((error: unknown) => {
                heard.set(causeCode(error), (heard.get(causeCode(error)) ?? 0) + 1);
                expect(performance.now() - began).toBeLessThan(1000);
              });
              await sleep(20);
            }
          };
          for (let round = 0; round < faults; round++) {
            await sleep(draw.between(200, 500));
            // Its recovery is held up, which it may be for minutes after a large crash.
            const recovering = await crashIntoRecovery(server());
            await probe(30);
            signal(recovering, 'SIGCONT');
            await server().answers();
            await ledger.recovered(performance.now(), 15_000);
            // A smart shutdown: who is in stays, nobody else comes in.
            const ended = server().shutDown('SIGTERM');
            await probe(10);
            signal(server().pid, 'SIGINT');
            await ended;
            await server().restart();
            await ledger.recovered(performance.now(), 15_000);
          }
          return 2 * faults;
        },
      );
      expect(heard.get(NOT_NOW)).toBeGreaterThan(0);
    },
  );
});

/** Kills a server, starts it and stops the process that recovers it: again, where that was over before it was seen. */
async function crashIntoRecovery(server: OwnServer): Promise<number> {
  for (;;) {
    await server.kill();
    server.launch();
    const limit = performance.now() + 2000;
    while (performance.now() < limit) {
      const recovering = server.processes().find(({ title }) => /startup/.test(title))?.pid;
      if (recovering !== undefined) {
        signal(recovering, 'SIGSTOP');
        return recovering;
      }
      await sleep(1);
    }
    await server.answers();
  }
}
