import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KnexSessionStore } from '@kss/core';
import { onTestFinished } from 'vitest';
import type { Stack } from './stacks.js';

/** The same table as this process has it, and as another does: over a second knex, where the database can be shared. */
export async function twoProcesses(given: Stack): Promise<{ stack: Stack; elsewhere: KnexSessionStore }> {
  let { knex } = given;
  let there = given.knex(); // PGlite has one connection and no more
  if (given.database.name === 'sqlite') {
    const folder = await mkdtemp(join(tmpdir(), 'kss-express-'));
    const here = given.database.open({ filename: join(folder, 'sessions.sqlite') });
    there = given.database.open({ filename: join(folder, 'sessions.sqlite') });
    knex = () => here;
    onTestFinished(async () => {
      await Promise.all([here.destroy(), there.destroy()]);
      await rm(folder, { recursive: true });
    });
  } else if (given.database.server !== undefined) {
    there = given.database.open();
    onTestFinished(() => there.destroy());
  }
  const elsewhere = new KnexSessionStore(there, { tableName: given.table, sync: false });
  onTestFinished(() => elsewhere.close());
  return { stack: { ...given, knex }, elsewhere };
}
