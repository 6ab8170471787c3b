import { join } from 'node:path';
import { startProxy } from '@kss/test-kit/proxy';
import { expect, it } from 'vitest';
import type { AppDatabase } from '../src/app-process.js';
import { describeServers, describeWhere } from '../src/describe.js';
import { type FloodResult, runFlood, type StalledResult } from '../src/flood.js';
import { home } from '../src/home.js';
import { amount, SHORT } from '../src/mode.js';
import { sqliteDrivers } from '../src/sqlite.js';

const MIB = 1024 * 1024;
/** By how much the heap may differ: compiled code comes and goes. What is kept of each sid, if only itself, is more. */
const SLACK = MIB;

/** How many calls may wait for the database, and the most bytes that one of them takes here. */
const [MOST_OPEN, CALL_SIZE] = [50_000, 2048];

const FEW = amount(30_000, 60_000); // more than the expiries and sids that stores remember, in each third
const FLOODS: [what: string, flood: string, calls: number][] = [
  ['sets of new sids', 'sets', amount(60_000, 200_000)],
  ['gets of unknown sids', 'gets', 200_000],
  ['touches of unknown sids, with touchAfter', 'touches', FEW],
  ['gets of unknown sids, with hashSid and plain sids left', 'hashed', FEW],
  ['new sessions through the Express adapter', 'express', FEW],
  ['new sessions through the Koa adapter', 'koa', FEW],
  ['new sessions through the Fastify adapter', 'fastify', 36_000],
];

function expectFlat(what: string, { heaps, calls, seconds }: FloodResult): void {
  console.log(JSON.stringify({ what, calls, seconds, MiB: heaps.map((bytes) => (bytes / MIB).toFixed(2)) }));
  const [first = 0, , last = Number.NaN] = heaps;
  expect(last - first).toBeLessThan(SLACK);
}

for (const { label, absent } of sqliteDrivers.slice(0, 1)) {
  describeWhere('a flood', label, absent, () => {
    const database = (flood: string): AppDatabase => ({
      ...{ client: 'embedded', table: 'kss_flood', where: join(home(), `flood-${flood}.sqlite`) },
    });

    it.each(FLOODS)('of %s keeps memory flat', async (what, flood, calls) => {
      expectFlat(what, await runFlood(flood, database(flood), calls));
    });

    it('that leaves a trace of each sid is found out', async () => {
      const { heaps } = await runFlood('leaks', database('leaks'), FEW);
      expect((heaps[2] ?? 0) - (heaps[0] ?? 0)).toBeGreaterThan(SLACK);
    });
  });
}

describeServers('a flood', (server, kind) => {
  const database = (table: string, port = server().port): AppDatabase => {
    const connection = { host: '127.0.0.1', port, ...kind.login, ...kind.connectTimeout(500) };
    return { client: kind.client, table, where: JSON.stringify(connection) };
  };
  // What is the same whatever the database is, others have shown.
  const few = kind.name === 'postgres' ? ['sets', 'gets', 'touches', 'express'] : ['sets', 'gets'];
  const floods = FLOODS.filter(([, flood]) => !SHORT || few.includes(flood));

  it.each(floods)('of %s keeps memory flat', async (what, flood, calls) => {
    expectFlat(what, await runFlood(flood, database(`kss_flood_${flood}`), calls));
  });

  it('while the database is stalled is refused, and leaves nothing behind', async () => {
    const proxy = await startProxy({ host: '127.0.0.1', port: server().port });
    try {
      const result = await runFlood<StalledResult>(
        'stalled',
        database('kss_flood_stalled', proxy.port),
        30_000,
        (word) => (word === 'ready' ? proxy.stall() : proxy.resume()),
      );
      console.log(JSON.stringify(result));
      expect(result.codes.OVERLOADED).toBeGreaterThan(30_000);
      expect(result.codes.TIMEOUT).toBeGreaterThan(50_000);
      // What waits is so many calls, whatever else is asked.
      expect(Math.max(...result.heaps) - result.before).toBeLessThan(MOST_OPEN * CALL_SIZE);
      expect(result.after - result.before).toBeLessThan(2 * SLACK);
    } finally {
      await proxy.stop();
    }
  });
});
