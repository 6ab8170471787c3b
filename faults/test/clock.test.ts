import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { KnexSessionStore } from '@kss/core';
import type { Knex } from 'knex';
import { describe, expect, it } from 'vitest';
import type { AppDatabase } from '../src/app-process.js';
import { describeServers, describeWhere } from '../src/describe.js';
import { home } from '../src/home.js';
import { amount } from '../src/mode.js';
import { record } from '../src/report.js';
import { sqliteDrivers } from '../src/sqlite.js';

const MINUTE = 60_000;
const TABLE = 'kss_clock';
const ROWS = 200;
const fixture = (name: string) => fileURLToPath(new URL(`../src/fixtures/${name}`, import.meta.url));

/** Runs an app whose clock is off, which collects all the time; what it said. */
async function runShifted({ client, where, table }: AppDatabase, prefix: string, shift: number) {
  const args = [client, where, table, prefix, String(amount(1000, 5000))];
  const preload = ['--import', fixture('shifted-clock.mjs'), '--disable-warning=ExperimentalWarning'];
  const { stdout } = await promisify(execFile)(process.execPath, [...preload, fixture('collecting-app.mjs'), ...args], {
    env: { ...process.env, KSS_CLOCK_SHIFT: String(shift) },
    timeout: 60_000,
  });
  return JSON.parse(stdout) as { saved: number; at: number; errors: string[] };
}

async function checkClocks(app: AppDatabase, knex: Knex, database: string): Promise<void> {
  const store = new KnexSessionStore(knex, { tableName: TABLE, gcInterval: 0 });
  await store.waitForSync();
  const insert = (prefix: string, expireAt: number) =>
    knex(TABLE).insert(
      Array.from({ length: ROWS }, (_, i) => ({ sid: `${prefix}-${i}`, expire_at: expireAt, additional: '{}' })),
    );
  const left = async (prefix: string) => {
    const rows = (await knex(TABLE).where('sid', 'like', `${prefix}-%`).pluck('sid')) as string[];
    return rows.length;
  };
  await insert('others', Date.now() + 2 * MINUTE); // three minutes past its end by the fast clock
  await insert('over', Date.now() - MINUTE);
  await insert('long-over', Date.now() - 20 * MINUTE);

  const fast = await runShifted(app, 'fast', 5 * MINUTE);
  const slow = await runShifted(app, 'slow', -5 * MINUTE);
  // Otherwise nobody's clock was off.
  expect(fast.at - Date.now()).toBeGreaterThan(4 * MINUTE);
  expect(slow.at - Date.now()).toBeLessThan(-4 * MINUTE);
  expect([...fast.errors, ...slow.errors]).toEqual([]);

  const counts = { live: await left('others'), over: await left('over'), longOver: await left('long-over') };
  const survivors = (await store.count('all')) - counts.live;
  // An explicit collection is exact.
  const collected = await store.gc();
  const afterwards = { live: await left('others'), over: await left('over') };
  await store.close();
  await knex.destroy();
  const acknowledged = fast.saved + slow.saved;
  const requests = 2 * acknowledged;
  const lost = ROWS - afterwards.live + (100 - survivors);
  await record({ scenario: 'a clock five minutes off, both ways', database, faults: 2, requests, acknowledged, lost });
  expect(counts).toEqual({ live: ROWS, over: ROWS, longOver: 0 });
  expect(survivors).toBe(100);
  expect({ collected, ...afterwards }).toEqual({ collected: ROWS, live: ROWS, over: 0 });
}

describe('a process whose clock is five minutes off, and which collects', () => {
  const driver = sqliteDrivers.find(({ absent }) => absent === undefined);
  const absent = driver === undefined ? 'there is no driver' : undefined;

  describeWhere('over a file', 'sqlite', absent, () => {
    it('deletes nobody’s session', async () => {
      const where = join(mkdtempSync(join(home(), 'clock-')), 'sessions.sqlite');
      await checkClocks({ client: 'embedded', where, table: TABLE }, driver?.open(where) as Knex, 'SQLite');
    });
  });

  describeServers('over a server', (server, { client, login }) => {
    it('deletes nobody’s session', async () => {
      const where = JSON.stringify({ host: '127.0.0.1', port: server().port, ...login });
      await checkClocks({ client, where, table: TABLE }, server().open(), server().version);
    });
  });
});
