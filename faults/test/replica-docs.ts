import { readFileSync } from 'node:fs';
import { createSessionTable } from '@kss/core';
import type { Knex } from 'knex';
import { describe, expect, it } from 'vitest';
import { amount } from '../src/mode.js';
import { openServer, type Pair } from '../src/replica.js';
import { rowsOf, sqlFor } from '../src/scaling-sql.js';
import { until } from '../src/until.js';
import { withStores } from '../src/with-stores.js';

/** What docs/scaling.md has an operator ask a primary, and what it says of updates there. */
export function questionsToPrimaries(pair: () => Pair): void {
  describe('docs/scaling.md', () => {
    it('shows the code that follows the primary in the tests', () => {
      const code = readFileSync(new URL('../src/follow-first.ts', import.meta.url), 'utf8');
      expect(readFileSync(new URL('../../docs/scaling.md', import.meta.url), 'utf8')).toContain(code);
    });

    it.each(sqlFor('PostgreSQL'))('the statements from line $line on run', async ({ statements }) => {
      const primary = openServer(pair().ports[0]);
      try {
        await primary.schema.dropTableIfExists('sessions');
        await createSessionTable(primary, {});
        for (const statement of statements) await rowsOf(primary, statement);
        if (statements.join().includes('pg_stat_replication')) {
          expect(await rowsOf(primary, statements[0] as string)).toMatchObject([{ state: 'streaming' }]);
        }
        await primary.schema.dropTable('sessions');
      } finally {
        await primary.destroy();
      }
    });

    it.each([100, 50])('no touch and no save is a heap-only update, with a fillfactor of %d', async (fillfactor) => {
      const updates = amount(200, 2000);
      const primary = openServer(pair().ports[0]);
      await withStores([primary], { tableName: 'replica_docs' }, async ([store]) => {
        await primary.raw(`alter table replica_docs set (fillfactor = ${fillfactor}, autovacuum_enabled = false)`);
        await store?.set('sid', { n: 0 });
        for (let i = 1; i <= updates; i++) {
          await store?.touch('sid', 1_000_000 + i);
          await store?.update('sid', { n: i }, { maxAge: 2_000_000 + i });
        }
        const counted = () => countedUpdates(primary);
        await until(async () => (await counted()).updated === 2 * updates); // the server counts with some delay
        expect(await counted()).toEqual({ updated: 2 * updates, heapOnly: 0 });
      });
    });
  });
}

async function countedUpdates(primary: Knex) {
  const statement =
    "select n_tup_upd as updated, n_tup_hot_upd as hot from pg_stat_user_tables where relname = 'replica_docs'";
  const [row] = await rowsOf(primary, statement);
  return { updated: Number(row?.updated), heapOnly: Number(row?.hot) };
}
