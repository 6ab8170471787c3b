import { createSessionTable } from '@kss/core';
import { expect, it } from 'vitest';
import { startCuttingProxy } from '../src/cutting-proxy.js';
import { describeServers } from '../src/describe.js';
import { amount, sleep } from '../src/mode.js';
import { random, SEED } from '../src/random.js';
import { record } from '../src/report.js';
import { underLoad } from '../src/scenario.js';
import { SharedLoad } from '../src/shared-load.js';
import { collectStrays } from '../src/strays.js';
import { withStores } from '../src/with-stores.js';

const BYTES = 40_000;
const TIMEOUT = 3000;

describeServers('connections that are reset, and whose last bytes reach the server later', (server) => {
  const strays = collectStrays();
  const startLateProxy = () => startCuttingProxy(server().port, random(SEED), BYTES, ['late']);

  it(`saves of loaded sessions are not done twice (seed ${SEED})`, async () => {
    const proxy = await startLateProxy();
    const direct = server().open();
    const pools = [1, 2, 3].map(() => server().open({ port: proxy.port, connectTimeout: 1000 }));
    const tableName = 'kss_late_saves';
    try {
      await withStores([direct, ...pools], { tableName, sync: false, timeout: TIMEOUT }, async ([maker, ...stores]) => {
        if (maker === undefined) throw new Error('There is no store.');
        await createSessionTable(direct, { tableName });
        const load = new SharedLoad({
          // A set that is sent again is done twice, too.
          ...{ stores, maker, name: 's', sessions: 10, workers: 16, random: random(SEED), own: false },
          patience: TIMEOUT + 2000,
          look: async (sid) => direct(tableName).where({ sid }),
        });
        await load.start();
        proxy.begin();
        await sleep(amount(3000, 30_000));
        await proxy.heal();
        await load.stop();
        const wrong = await load.wrongIn(maker);
        const { requests, acknowledged, errors, hung, slowest, missed } = load.counts;
        await record({
          scenario: 'connections reset, the last statement delivered later: saves of loaded sessions',
          database: server().version,
          ...{ faults: proxy.met.late, requests, acknowledged, errors, hung, slowest, lost: load.lost.size + missed },
        });
        expect({ wrong, staleReads: load.staleReads }).toEqual({ wrong: [], staleReads: [] });
        expect(load.counts).toMatchObject({ missed: 0, hung: 0 });
        expect(Object.keys(errors).filter((code) => !['DATABASE', 'TIMEOUT', 'CONFLICT'].includes(code))).toEqual([]);
      });
    } finally {
      await proxy.close();
    }
    expect(proxy.late.filter((bytes) => bytes.includes('s-')).length).toBeGreaterThan(amount(10, 100));
  });

  it(`writes that ask for nothing are done twice, and nothing else goes wrong (seed ${SEED})`, async () => {
    const proxy = await startLateProxy();
    const open = () => server().open({ port: proxy.port, connectTimeout: 1000 });
    const delivered = () => proxy.late.map((bytes) => bytes.toString('latin1').match(/client-\d+-\d+/g) ?? []);
    try {
      const { twice } = await underLoad(
        {
          name: 'connections reset, the last statement delivered later',
          database: () => server().version,
          table: 'kss_late_bytes',
          knexes: [open(), open()],
          direct: server().open(),
          timeout: TIMEOUT,
          sentAgain: () => new Set(delivered().flat()),
          late: true,
          heard: false, // it is sent again over another connection, and acknowledged
          strays,
        },
        async ({ ledger }) => {
          proxy.begin();
          await sleep(amount(3000, 45_000));
          await proxy.heal();
          await ledger.recovered(performance.now(), 15_000);
          return proxy.met.late;
        },
      );
      const named = delivered().filter((sids) => sids.length > 0);
      console.log(
        `${named.length} statements with ${named.flat().length} sessions were late, ${twice.length} writes done twice`,
      );
      // Or this suite could not see one.
      expect(twice.length).toBeGreaterThan(0);
    } finally {
      await proxy.close();
    }
  });
});
