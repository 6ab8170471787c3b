import { KnexSessionStore } from '@kss/core';
import { describe, expect, it } from 'vitest';
import { describeServers } from '../src/describe.js';
import { Ledger } from '../src/ledger.js';
import { heldIn, startLoad, storeTarget } from '../src/load.js';
import { amount, sleep } from '../src/mode.js';
import { OwnServer } from '../src/own-server.js';
import { random, SEED } from '../src/random.js';
import { underLoad } from '../src/scenario.js';
import { type ServerKind, serverKinds } from '../src/servers.js';
import { collectStrays } from '../src/strays.js';

const TABLE = 'kss_killed';

describeServers('a server killed with SIGKILL under load', (server) => {
  const strays = collectStrays();

  it(`loses no acknowledged write and is used again at once (seed ${SEED})`, async () => {
    await underLoad(
      {
        name: 'server killed with SIGKILL and restarted',
        database: () => server().version,
        table: TABLE,
        knexes: [server().open(), server().open()],
        direct: server().open(),
        timeout: 2000,
        strays,
      },
      async ({ ledger, draw }) => {
        const faults = amount(2, 20);
        for (let round = 0; round < faults; round++) {
          await sleep(draw.between(100, amount(400, 2000)));
          await server().kill();
          await sleep(draw.between(0, 500));
          await server().restart();
          await ledger.recovered(performance.now(), 15_000);
        }
        return faults;
      },
    );
  });
});

const ASYNCHRONOUS = ['synchronous_commit=off', 'wal_writer_delay=10s', 'wal_writer_flush_after=1GB'];
const postgres = serverKinds.find(({ name, absent }) => name === 'postgres' && absent === undefined);

// Without it, nobody would know whether the suite above sees a loss.
describe.skipIf(postgres === undefined)('a server that acknowledges before it has written', () => {
  it(`is found out (seed ${SEED})`, async () => {
    const server = await OwnServer.start(
      postgres as ServerKind,
      ASYNCHRONOUS.flatMap((setting) => ['-c', setting]),
    );
    const ledger = new Ledger(5000);
    const knex = server.open();
    const store = new KnexSessionStore(knex, { tableName: TABLE, timeout: 2000, onError() {} });
    await store.waitForSync();
    const load = startLoad({ ledger, targets: [storeTarget(store)], clients: 8, random: random(SEED) });
    await sleep(700);
    await server.kill();
    await load.stop();
    await server.restart();
    const direct = server.open();
    const held = await heldIn(direct, TABLE).catch(() => new Map<string, number>()); // the table itself may be lost
    await Promise.all([store.close(), direct.destroy()]);
    await knex.destroy();
    await server.remove();
    const { lost, revived } = ledger.missing(held);
    expect(lost.length + revived.length).toBeGreaterThan(0);
  });
});
