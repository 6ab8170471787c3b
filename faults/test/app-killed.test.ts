import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Knex } from 'knex';
import { describe, expect, it } from 'vitest';
import { type AppDatabase, AppProcess } from '../src/app-process.js';
import { describeServers, describeWhere } from '../src/describe.js';
import { home } from '../src/home.js';
import { Ledger } from '../src/ledger.js';
import { heldIn } from '../src/load.js';
import { amount, sleep } from '../src/mode.js';
import { random, SEED } from '../src/random.js';
import { record } from '../src/report.js';
import { sqliteDrivers } from '../src/sqlite.js';

const TABLE = 'kss_app_killed';
const PROCESSES = 2;

/** Kills processes that save at random moments, and finds what each was told in the database. */
async function killApps(app: AppDatabase, open: () => Knex, database: string): Promise<void> {
  const draw = random(SEED);
  const ledger = new Ledger(10_000);
  const faults = amount(2, 20) * PROCESSES;
  for (let round = 0; round < faults / PROCESSES; round++) {
    // The next process goes on with the sessions of the one that was killed.
    const apps = Array.from({ length: PROCESSES }, (_, i) => new AppProcess(app, `app-${i}`, 1 + round * 1_000_000));
    await until(() => apps.every(({ works }) => works));
    await sleep(draw.between(20, amount(300, 1000)));
    for (const running of apps) await running.kill(ledger);
    // What a server was doing for the dead is over in no time; a SQLite file has nobody who goes on.
    await sleep(100);
  }
  const knex = open();
  const verdict = ledger.missing(await heldIn(knex, TABLE));
  await knex.destroy();
  await record({ scenario: 'app killed with SIGKILL', database, faults, slowest: null }, ledger, verdict);
  expect(verdict).toEqual({ lost: [], revived: [], late: [] });
  expect(ledger.crashes).toBe(0);
  expect(ledger.acknowledgedWrites).toBeGreaterThan(faults * 5);
}

async function until(condition: () => boolean): Promise<void> {
  const limit = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > limit) throw new Error('It did not happen within 30 seconds.');
    await sleep(10);
  }
}

const title = `finds what every process was told (seed ${SEED})`;

describe('an app killed with SIGKILL while it saves', () => {
  const driver = sqliteDrivers.find(({ absent }) => absent === undefined);
  describeWhere(
    'over the SQLite file of its own',
    'sqlite',
    driver === undefined ? 'no driver of SQLite' : undefined,
    () => {
      it(title, async () => {
        const where = join(mkdtempSync(join(home(), 'app-')), 'sessions.sqlite');
        const open = () => driver?.open(where) as Knex;
        await killApps({ client: 'embedded', where, table: TABLE }, open, 'SQLite, the embedded file');
      });
    },
  );

  describeServers('over a server', (server, { client, login }) => {
    it(title, async () => {
      const where = JSON.stringify({ host: '127.0.0.1', port: server().port, ...login });
      await killApps({ client, where, table: TABLE }, () => server().open(), server().version);
    });
  });
});
