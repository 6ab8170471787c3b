import { expect, it } from 'vitest';
import { describeServers } from '../src/describe.js';
import { amount, sleep } from '../src/mode.js';
import { SEED } from '../src/random.js';
import { underLoad } from '../src/scenario.js';
import { collectStrays } from '../src/strays.js';

const TIMEOUT = 700;

describeServers('a server stopped with SIGSTOP for longer than the deadline', (server) => {
  const strays = collectStrays();

  it(`ends every call at its deadline, and is used again once it goes on (seed ${SEED})`, async () => {
    const { ledger } = await underLoad(
      {
        name: 'server stopped with SIGSTOP for longer than the deadline',
        database: () => server().version,
        table: 'kss_frozen',
        knexes: [server().open(), server().open()],
        direct: server().open(),
        timeout: TIMEOUT,
        strays,
        // The statements are in its sockets, and it carries them out when it goes on.
        late: true,
      },
      async ({ ledger, draw }) => {
        const faults = amount(1, 10);
        for (let round = 0; round < faults; round++) {
          await sleep(draw.between(200, amount(400, 1500)));
          server().freeze();
          await sleep(draw.between(TIMEOUT + 300, amount(TIMEOUT + 600, 4 * TIMEOUT)));
          server().thaw();
          await ledger.recovered(performance.now(), 15_000);
        }
        await sleep(300);
        return faults;
      },
    );
    expect(ledger.errors.get('TIMEOUT')).toBeGreaterThan(0);
  });

  it(`waits for one that is back before the deadline (seed ${SEED})`, async () => {
    const { ledger } = await underLoad(
      {
        name: 'server stopped with SIGSTOP for less than the deadline',
        database: () => server().version,
        table: 'kss_paused',
        knexes: [server().open(), server().open()],
        direct: server().open(),
        timeout: 6000,
        strays,
        heard: false,
      },
      async ({ ledger, draw }) => {
        const faults = amount(1, 10);
        for (let round = 0; round < faults; round++) {
          await sleep(draw.between(100, 300));
          server().freeze();
          await sleep(draw.between(200, amount(600, 1500)));
          server().thaw();
          await ledger.recovered(performance.now(), 15_000);
        }
        return faults;
      },
    );
    expect([...ledger.errors]).toEqual([]);
  });
});
