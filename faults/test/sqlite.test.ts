import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KnexSessionStore } from '@kss/core';
import { describe, expect, it } from 'vitest';
import { describeWhere } from '../src/describe.js';
import { home } from '../src/home.js';
import { amount, sleep } from '../src/mode.js';
import { SEED } from '../src/random.js';
import { underLoad } from '../src/scenario.js';
import { mountProblem, mountSmallDisk } from '../src/small-disk.js';
import { sqliteDrivers } from '../src/sqlite.js';
import { collectStrays } from '../src/strays.js';

const LOCKER = fileURLToPath(new URL('../src/fixtures/locker.mjs', import.meta.url));
const TABLE = 'kss_sqlite';
// Two statements, one after the other, each with the busy timeout of a second.
const BLOCKED = 2000;
const unmountable = mountProblem();
if (unmountable !== undefined)
  console.warn(`SKIPPED: a disk that is full: ${unmountable}; max_page_count is used alone`);

/** Locks a file from another process; resolves when it is locked, with what waits for the end. */
async function lock(file: string, ms: number): Promise<() => Promise<unknown>> {
  const child = spawn(process.execPath, [LOCKER, file, String(ms)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  return () => ended;
}

/** Saves a session that takes more room than is left. */
async function saveLarge(store: KnexSessionStore | undefined, n: number, length: number): Promise<number> {
  await store?.set('large', { n, text: 'x'.repeat(length) });
  return n;
}

for (const { name, label, absent, open } of sqliteDrivers) {
  describeWhere('a SQLite file', label, absent, () => {
    const strays = collectStrays();
    const fileIn = (folder: string) => join(mkdtempSync(join(folder, 'sqlite-')), 'sessions.sqlite');
    const base = (file: string) => {
      const knex = open(file);
      return { database: () => name, table: TABLE, knexes: [knex], direct: knex, timeout: 2500, strays };
    };

    it.skipIf(unmountable !== undefined)(
      `on a disk that is full refuses writes and nothing else (seed ${SEED})`,
      async () => {
        const disk = mountSmallDisk();
        try {
          const scenario = { ...base(fileIn(disk.path)), name: 'disk full (a tmpfs)' };
          const { ledger } = await underLoad(scenario, async ({ ledger, draw, stores: [store] }) => {
            await store?.set('read-me', { n: 1 });
            const faults = amount(2, 15);
            for (let round = 0; round < faults; round++) {
              await sleep(draw.between(200, 500));
              await disk.fill();
              // The load may find room in what the file and its log have already.
              expect(await ledger.write('large', round, () => saveLarge(store, round, 6_000_000))).toBeUndefined();
              await sleep(draw.between(300, amount(500, 1500)));
              expect(await store?.get('read-me')).toEqual({ n: 1 });
              await disk.free();
              await ledger.recovered(performance.now(), 15_000);
            }
            return faults;
          });
          expect([...ledger.errors.keys()]).toEqual(['DATABASE']);
        } finally {
          disk.unmount();
        }
      },
    );

    it(`that may not grow refuses writes and nothing else (seed ${SEED})`, async () => {
      const scenario = { ...base(fileIn(home())), name: 'file at its largest (max_page_count)' };
      const [knex] = scenario.knexes;
      const { ledger } = await underLoad(scenario, async ({ ledger, draw, stores: [store] }) => {
        await store?.set('read-me', { n: 1 });
        const faults = amount(2, 15);
        for (let round = 0; round < faults; round++) {
          await sleep(draw.between(100, 300));
          await knex?.raw('pragma max_page_count = 1'); // no smaller than it is
          expect(await ledger.write('large', round, () => saveLarge(store, round, 100_000))).toBeUndefined();
          await sleep(draw.between(300, amount(500, 1500)));
          expect(await store?.get('read-me')).toEqual({ n: 1 });
          await knex?.raw('pragma max_page_count = 1073741823');
          await ledger.recovered(performance.now(), 15_000);
        }
        return faults;
      });
      expect([...ledger.errors.keys()].filter((code) => code !== 'DATABASE')).toEqual([]);
    });

    describe('that another process locks', () => {
      it(`is waited for within the deadline (seed ${SEED})`, async () => {
        const file = fileIn(home());
        const scenario = {
          ...base(file),
          timeout: 10_000,
          name: 'file locked for less than the deadline',
          heard: false,
        };
        const { ledger } = await underLoad(scenario, async ({ ledger, draw }) => {
          const faults = amount(2, 15);
          for (let round = 0; round < faults; round++) {
            await sleep(draw.between(100, 300));
            const ended = await lock(file, draw.between(100, amount(500, 1800)));
            await ended();
            await ledger.recovered(performance.now(), 15_000);
          }
          return faults;
        });
        expect([...ledger.errors]).toEqual([]);
      });

      it(`fails writes in time where that takes longer, and is used again (seed ${SEED})`, async () => {
        const file = fileIn(home());
        const scenario = {
          ...base(file),
          timeout: 1500,
          blocked: BLOCKED,
          name: 'file locked for longer than the deadline',
        };
        const { ledger } = await underLoad(scenario, async ({ ledger, draw }) => {
          const faults = amount(1, 6);
          for (let round = 0; round < faults; round++) {
            await sleep(draw.between(100, 300));
            const ended = await lock(file, draw.between(3500, amount(4000, 6000)));
            await ended();
            await ledger.recovered(performance.now(), 15_000);
          }
          return faults;
        });
        expect(ledger.slowest).toBeLessThan(1500 + BLOCKED + 1500);
      });
    });
  });
}
