import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { clientArguments, ended, fixture, folder, start } from './child.js';

const TABLE = 'kss_test_table_race';
const PROCESSES = 8;
// PGlite lives in this process.
const SHARED: readonly DatabaseName[] = ['sqlite', 'postgres', 'mariadb', 'mysql'];

/** Starts the processes, says go when all are ready, and gathers what each says. */
async function race(args: readonly string[]): Promise<unknown[]> {
  const children = Array.from({ length: PROCESSES }, (_, i) => start(fixture('first-set.mjs'), [`p${i}`, ...args]));
  const ends = children.map((child) => ended(child, 90_000));
  await Promise.all(children.map((child) => message(child)));
  const answers = children.map((child) => message(child));
  for (const child of children) child.send('go');
  const said = await Promise.all(answers);
  expect(await Promise.all(ends)).toEqual(ends.map(() => ({ code: 0, signal: null, stdout: '', stderr: '' })));
  return said;
}

async function message(child: ChildProcess): Promise<unknown> {
  const closed = once(child, 'close').then(() => ['the process ended']);
  const [said] = await Promise.race([once(child, 'message'), closed]);
  return said;
}

const EXPECTED = Array.from({ length: PROCESSES }, (_, i) => ({
  own: { user_id: `p${i}`, n: 1 },
  shared: 'string',
}));

describeDatabases(
  'eight processes that start at once',
  (database, knex) => {
    let place: Awaited<ReturnType<typeof folder>>;

    const clean = () => knex().schema.dropTableIfExists(TABLE);
    beforeAll(async () => {
      place = await folder();
      await clean();
    });
    afterEach(clean);
    afterAll(() => place.remove());

    it('all make the table, and all save', async () => {
      for (let round = 0; round < 2; round++) {
        const client = clientArguments(database, join(place.path, `${round}.sqlite`));
        expect(await race([...(client ?? []), TABLE])).toEqual(EXPECTED);
        await clean();
      }
    }, 200_000);

    it.runIf(database.name === 'sqlite')(
      'all make the embedded file, and all save',
      async () => {
        for (let round = 0; round < 2; round++) {
          expect(await race(['embedded', join(place.path, `embedded-${round}.sqlite`)])).toEqual(EXPECTED);
        }
      },
      200_000,
    );
  },
  SHARED,
  { variants: ['node-sqlite'] }, // the processes open the database themselves
);
