import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestDatabase } from '@kss/test-kit';
import type { Knex } from 'knex';
import { isKssError, KnexSessionStore, type Revision, type StoreOptions } from '../src/index.js';
import type { Call, Policy, Sid } from './model.js';

export const schemas = [{ name: 'user_id', type: 'string', args: [20], index: true }] as const;
export type Store = KnexSessionStore<typeof schemas>;

/** One of those that share the table: a pool and a store of its own. */
export interface Process {
  readonly policy: Policy;
  readonly store: Store;
}

const KINDS: readonly (Pick<StoreOptions, 'batch'> & { readonly onConflict: Policy })[] = [
  { onConflict: 'merge' },
  { onConflict: 'merge', batch: false },
  { onConflict: 'overwrite', batch: { maxSize: 2 } },
  { onConflict: 'reject', batch: { maxSize: 1, concurrency: 1 } },
];

/**
 * Opens the processes. A database that lives in this one is a file that each opens, or one knex for all where there is none.
 *
 * @param direct the suite's knex
 */
export async function openProcesses(
  database: TestDatabase,
  direct: Knex,
  tableName: string,
): Promise<{ readonly processes: readonly Process[]; readonly knex: Knex; close(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'kss-model-'));
  const knexes: Knex[] = [];
  const open = () => {
    if (database.name === 'pglite') return direct;
    const made = database.open({
      ...(database.server === undefined && { filename: join(folder, 'db.sqlite') }),
      pool: { min: 0, max: database.server === undefined ? 1 : 4 },
    });
    knexes.push(made);
    return made;
  };
  const knex = open();
  await knex.schema.dropTableIfExists(tableName);
  const processes: Process[] = [];
  for (const { onConflict, batch } of KINDS) {
    const options = {
      tableName,
      schemas,
      gcInterval: 0,
      timeout: 60_000,
      onConflict,
      ...(batch !== undefined && { batch }),
    };
    const store = new KnexSessionStore(processes.length === 0 ? knex : open(), options);
    await store.waitForSync();
    processes.push({ policy: onConflict, store });
  }
  return {
    processes,
    knex,
    async close() {
      for (const { store } of processes) await store.close();
      await knex.schema.dropTableIfExists(tableName);
      for (const made of knexes) await made.destroy();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Makes a call; resolves to the answer as the model gives it, and to the revision of what was saved. */
export async function send(
  store: Store,
  sid: Sid,
  call: Call,
  revision: Revision | undefined,
): Promise<{ readonly answer: unknown; readonly saved?: Revision | null }> {
  try {
    switch (call.verb) {
      case 'get':
        return { answer: await store.get(sid) };
      case 'destroy':
        return { answer: await store.destroy(sid) };
      case 'set':
        return { answer: true, saved: await store.set(sid, call.data, call.maxAge) };
      case 'touch':
        return { answer: await store.touch(sid, call.maxAge) };
      case 'cookie':
        return { answer: await store.touch(sid, call.maxAge, { path: call.path }) };
      case 'update': {
        const saved = await store.update(sid, call.data, { maxAge: call.maxAge, revision });
        return { answer: saved !== null, saved };
      }
    }
  } catch (error) {
    if (isKssError(error, 'CONFLICT')) return { answer: 'CONFLICT' };
    throw error;
  }
}
