import { describeDatabases } from '@kss/test-kit';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { addColumnsMigration, createSessionTable, isKssError, KnexSessionStore } from '../src/index.js';
import type { SchemaField } from '../src/types.js';
import { dropMigrations, migrationsOf } from './migrator.js';

const TABLE = 'kss_test_add_columns_at_once';
const USER: SchemaField = { name: 'user_id', type: 'string', args: [100], index: true };
const OLD = { tableName: TABLE, schemas: [] as readonly SchemaField[] };
const NEW = { tableName: TABLE, schemas: [USER] as readonly SchemaField[] };
const SESSIONS = 120;

interface Saved {
  /** What a call said that it saved. */
  n: number;
  /** What a call may have saved that failed, because the column was gone. */
  tried: number;
}

describeDatabases('addColumnsMigration, taken back while the app runs', (_, knex) => {
  const stores: { close(): Promise<void> }[] = [];
  const clean = async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex().schema.dropTableIfExists(TABLE);
    await dropMigrations(knex(), TABLE);
  };
  beforeAll(clean);
  afterEach(clean);

  const open = (options: { schemas: readonly SchemaField[] }) => {
    const store = new KnexSessionStore<readonly SchemaField[]>(knex(), {
      ...OLD,
      gcInterval: 0,
      sync: false,
      timeout: 60_000,
      onError() {},
      ...options,
    });
    stores.push(store);
    return store;
  };

  it.each([true, false])('loses nothing that was saved, in a transaction: %s', async (inTransaction) => {
    await createSessionTable(knex(), NEW);
    const [older, newer] = [open(OLD), open(NEW)];
    const saved = new Map<string, Saved>();
    const sidOf = (i: number) => `${['new', 'old', 'touched', 'ended'][i % 4]}-${i}`;
    await Promise.all(
      Array.from({ length: SESSIONS }, (_, i) =>
        newer.set(sidOf(i), { user_id: `user-${i}`, mark: `mark-${i}`, n: 0 }),
      ),
    );
    for (let i = 0; i < SESSIONS; i++) saved.set(sidOf(i), { n: 0, tried: 0 });

    let running = true;
    const ended = new Set<string>();
    const workOn = async (i: number) => {
      const sid = sidOf(i);
      const state = saved.get(sid) as Saved;
      const store = sid.startsWith('old') ? older : newer;
      try {
        while (running) {
          if (sid.startsWith('touched')) await older.touch(sid, 500_000);
          else if (sid.startsWith('ended')) {
            await older.destroy(sid);
            ended.add(sid);
            return;
          } else {
            const loaded = await store.load(sid);
            expect(loaded).not.toBeNull();
            state.tried = state.n + 1;
            const session = { ...loaded?.session, n: state.tried };
            // A save that says "gone" would be a change lost.
            expect(await store.update(sid, session, { revision: loaded?.revision })).not.toBeNull();
            state.n = state.tried;
          }
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      } catch (error) {
        // From one moment on, the column is gone for those that know it.
        if (store === older || !isKssError(error, 'DATABASE')) throw error;
      }
    };
    const work = Promise.all(Array.from({ length: SESSIONS }, (_, i) => workOn(i)));
    const config = {
      ...migrationsOf(TABLE, { '1_column': addColumnsMigration(NEW, ['user_id']) }),
      disableTransactions: !inTransaction,
    };
    await knex().migrate.up(config);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await knex().migrate.down(config);
    await new Promise((resolve) => setTimeout(resolve, 50));
    running = false;
    await work;

    expect(await knex().schema.hasColumn(TABLE, 'user_id')).toBe(false);
    const after = open(OLD);
    for (let i = 0; i < SESSIONS; i++) {
      const sid = sidOf(i);
      const { n, tried } = saved.get(sid) as Saved;
      const session = await after.get(sid);
      if (sid.startsWith('ended')) expect([sid, ended.has(sid), session]).toEqual([sid, true, null]);
      else {
        expect(session).toEqual({ user_id: `user-${i}`, mark: `mark-${i}`, n: expect.any(Number) });
        expect([n, tried]).toContain(session?.n);
      }
    }
    const counts = [...saved.values()].map(({ n }) => n);
    expect(Math.max(...counts)).toBeGreaterThan(0);
  });
});
