import { cp, mkdir, readdir, realpath, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeDatabases } from '@kss/test-kit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { clientArguments, fixture, folder, run } from './child.js';
import { betterProblem, nodeHasSqlite } from './sqlite-drivers.js';

const TABLE = 'kss_test_process';
// A timer or a socket that holds the process would hold it for an hour, or for ever.
const PATIENCE = 15_000;
const sqliteAbsent = betterProblem !== undefined && !nodeHasSqlite;

const GOOD = { code: 0, signal: null, stderr: '' };
const USED = JSON.stringify({ session: { n: 1 }, file: true });

describe.skipIf(sqliteAbsent)('a process with the embedded store open', () => {
  let place: Awaited<ReturnType<typeof folder>>;
  beforeAll(async () => {
    place = await folder();
  });
  afterAll(() => place.remove());

  it.each(['embedded', 'embedded-collecting'])('exits by itself (%s)', async (mode) => {
    const end = await run(fixture('idle.mjs'), [mode, 'better-sqlite3', join(place.path, `${mode}.sqlite`)], {
      ms: PATIENCE,
    });
    expect(end).toEqual({ ...GOOD, stdout: `${USED}\n` });
  });

  it('exits by itself where it was made and not used', async () => {
    const where = join(place.path, 'untouched.sqlite');
    const end = await run(fixture('idle.mjs'), ['embedded-untouched', 'better-sqlite3', where], { ms: PATIENCE });
    expect(end).toEqual({ ...GOOD, stdout: '{}\n' });
  });

  it('finds its sessions in the next process', async () => {
    const where = join(place.path, 'again.sqlite');
    for (let round = 0; round < 2; round++) {
      const end = await run(fixture('idle.mjs'), ['embedded', 'better-sqlite3', where], { ms: PATIENCE });
      expect(end).toEqual({ ...GOOD, stdout: `${USED}\n` });
    }
    expect((await readdir(place.path)).filter((file) => file.startsWith('again'))).toContain('again.sqlite');
  });
});

describeDatabases(
  'a process whose app destroys its own knex, with the store open',
  (database, knex) => {
    let place: Awaited<ReturnType<typeof folder>>;
    const clean = () => knex().schema.dropTableIfExists(TABLE);
    beforeAll(async () => {
      place = await folder();
      await clean();
    });
    afterEach(clean);
    afterAll(() => place.remove());

    it.each(['own-knex', 'own-knex-at-once'])('exits by itself (%s)', async (mode) => {
      const client = clientArguments(database, join(place.path, `${mode}.sqlite`));
      const end = await run(fixture('idle.mjs'), [mode, ...(client ?? []), TABLE], { ms: PATIENCE });
      expect([end.code, end.signal]).toEqual([0, null]);
      if (mode === 'own-knex') {
        expect(JSON.parse(end.stdout)).toMatchObject({ session: { n: 1 } });
        expect(end.stderr).toBe('');
      } else {
        // The table could not be made, which is said once if at all, and kills nothing.
        expect(end.stderr).toMatch(/^(DATABASE\n|SYNC_TIMEOUT\n)?$/);
      }
    });
  },
  ['sqlite', 'postgres', 'mariadb', 'mysql'],
  { variants: ['node-sqlite'] }, // the process opens the database itself
);

describe('the embedded store where something is not installed', () => {
  const core = fileURLToPath(new URL('..', import.meta.url));
  let place: Awaited<ReturnType<typeof folder>>;

  afterEach(() => place.remove());

  /** A copy of the package in a place of its own, with nothing but what is named. */
  async function install(...installed: string[]): Promise<void> {
    place = await folder();
    await cp(join(core, 'dist'), join(place.path, 'dist'), { recursive: true });
    await cp(join(core, 'package.json'), join(place.path, 'package.json'));
    for (const script of ['no-driver.mjs', 'no-driver.cjs']) await cp(fixture(script), join(place.path, script));
    await mkdir(join(place.path, 'node_modules'));
    for (const name of installed) {
      await symlink(await realpath(join(core, 'node_modules', name)), join(place.path, 'node_modules', name));
    }
  }

  const outcome = async (script: string) => {
    const end = await run(join(place.path, script), [], { ms: PATIENCE, cwd: place.path });
    expect(end).toMatchObject(GOOD);
    return JSON.parse(end.stdout) as unknown;
  };

  it.each([
    ...(nodeHasSqlite ? [] : [['the driver', ['knex']] as const]),
    ['knex', ['better-sqlite3']],
    ['both', []],
  ] as const)('is DRIVER_MISSING, and names both ways to what is missing: %s', async (_, installed) => {
    await install(...installed);
    for (const script of ['no-driver.mjs', 'no-driver.cjs']) {
      expect(await outcome(script)).toEqual({
        ours: true,
        code: 'DRIVER_MISSING',
        message: expect.stringMatching(/npm install knex better-sqlite3.*Node 22\.13/),
      });
    }
    expect(await readdir(place.path)).not.toContain('sessions.sqlite');
  });

  it
    .skipIf(sqliteAbsent)
    .each([
      ['knex and better-sqlite3', ['knex', 'better-sqlite3']],
      ...(nodeHasSqlite ? [['knex, on a Node that has SQLite', ['knex']] as const] : []),
    ] as const)('is made in sessions.sqlite, in ESM and in CommonJS, where there is %s', async (_, installed) => {
    await install(...installed);
    for (const script of ['no-driver.mjs', 'no-driver.cjs']) expect(await outcome(script)).toEqual({ made: true });
    expect(await readdir(place.path)).toContain('sessions.sqlite');
  });
});
