import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { databaseOf } from '../src/databases.js';
import { openFloor } from '../src/floors.js';
import { countOf, messageOf } from '../src/ledger.js';
import { readResults } from '../src/results.js';
import { runNode } from './node.js';

vi.setConfig({ testTimeout: 180_000 }); // a busy machine, never a measurement

const DATABASES = { KSS_TEST_POSTGRES_URL: '', KSS_TEST_MARIADB_URL: '', KSS_TEST_MYSQL_URL: '' };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kss-bench-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function bench(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runNode(['src/main.ts', ...words, '--out', folder], DATABASES);
  expect(code, `${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

/** Why SQLite cannot be opened, where the machine may go without. */
async function withoutSqlite(): Promise<string | undefined> {
  if (process.env.KSS_TEST_REQUIRE?.split(',').includes('sqlite')) return undefined;
  const sqlite = databaseOf('sqlite');
  if (typeof sqlite === 'string') return sqlite;
  try {
    await (await openFloor(sqlite, 'probe')).close();
    return undefined;
  } catch (error) {
    return `better-sqlite3 does not open: ${messageOf(error)}`;
  } finally {
    sqlite.close();
  }
}

const problem = await withoutSqlite();

describe.skipIf(problem !== undefined)(
  `bench --quick${problem === undefined ? '' : ` (skipped: ${problem})`} runs to its end on SQLite`,
  () => {
    it('over the stores, and writes its figures and its picture', async () => {
      await bench('--quick');
      const { store } = readResults(folder);
      const stores = [...new Set(store?.rows.map((row) => row.store))];
      expect(stores).toEqual(expect.arrayContaining(['KSS', 'connect-session-knex', 'MemoryStore']));
      expect(store?.rows).toHaveLength(stores.length * 4 * 2);
      for (const row of store?.rows ?? []) expect(row.perSecond, JSON.stringify(row)).toBeGreaterThan(0);
      expect(store?.faults.filter(({ faults }) => countOf(faults) > 0)).toEqual([]);
      expect(store?.machine.node).toBe(process.version);
      expect(store?.packages['connect-session-knex']).toMatch(/^5\./);
      const svg = await readFile(join(folder, 'speed.svg'), 'utf8');
      expect(svg).toMatch(/^<svg .*<\/svg>\n$/s);
      expect(svg).toContain('>connect-session-knex</text>');
    });

    it('behind the frameworks', async () => {
      await bench('http', '--quick', '--only', 'knex');
      const { http } = readResults(folder);
      expect(http?.rows.map(({ framework, store }) => `${framework} ${store}`).sort()).toEqual(
        ['express', 'fastify', 'koa'].flatMap((framework) => [`${framework} KSS`, `${framework} connect-session-knex`]),
      );
      for (const row of http?.rows ?? []) expect(row.perSecond, JSON.stringify(row)).toBeGreaterThan(0);
      expect(http?.faults.filter(({ faults }) => countOf(faults) > 0)).toEqual([]);
    });

    it('over large tables, an hour of load, and our own variants', async () => {
      for (const command of ['scale', 'memory', 'self']) await bench(command, '--quick');
      const { scale, memory, self } = readResults(folder);
      expect(scale?.collections.map(({ rows, deleted }) => [rows, deleted])).toEqual([
        [200, 100],
        [2000, 1000],
      ]);
      expect(memory?.rows[0]).toMatchObject({ store: 'KSS', requests: 2000 });
      expect(memory?.rows[0]?.last).toBeGreaterThan(0);
      expect([...new Set(self?.rows.map(({ variant }) => variant))]).toEqual(
        expect.arrayContaining(['core', '3 schema columns', 'bare driver']),
      );
      const all = [...(scale?.faults ?? []), ...(memory?.faults ?? []), ...(self?.faults ?? [])];
      expect(all.filter(({ faults }) => countOf(faults) > 0)).toEqual([]);
    });

    it('and says what is wrong with a flag', async () => {
      const { code, stderr } = await runNode(['src/main.ts', '--database', 'mongodb']);
      expect(code).toBe(2);
      expect(stderr).toContain('--database: mongodb is none of postgres, mariadb, mysql, sqlite.');
    });
  },
);
