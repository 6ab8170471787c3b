import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

interface Connection {
  prepare(sql: string): unknown;
}

const TABLE = 'kss_sqlite_kept';

describeDatabases(
  'statements that a connection keeps compiled',
  (database) => {
    let knex: Knex;
    let store: KnexSessionStore;

    beforeEach(async ({ skip }) => {
      knex = database.open();
      skip(knex.client.driverName !== 'better-sqlite3', 'another driver');
      await knex.schema.dropTableIfExists(TABLE);
      store = new KnexSessionStore(knex, { tableName: TABLE, gcInterval: 0 });
      await store.waitForSync();
    });
    afterEach(async () => {
      await store.close();
      await knex.destroy();
    });

    /** The texts that the connection compiles from now on. */
    async function compiled(): Promise<string[]> {
      const connection: Connection = await knex.client.acquireConnection();
      await knex.client.releaseConnection(connection);
      const texts: string[] = [];
      const prepare = connection.prepare.bind(connection);
      connection.prepare = (sql) => {
        texts.push(sql);
        return prepare(sql);
      };
      return texts;
    }

    it('compiles a statement once for a connection', async () => {
      const texts = await compiled();
      for (let i = 0; i < 3; i++) {
        await store.set('a', { i });
        expect(await store.get('a')).toStrictEqual({ i });
        await store.touch('a');
        await Promise.all([store.get('a'), store.get('b')]);
      }
      expect(new Set(texts).size).toBe(4);
      expect(texts).toHaveLength(4);
    });

    it('compiles each time where the option says so', async () => {
      const other = new KnexSessionStore(knex, {
        tableName: TABLE,
        gcInterval: 0,
        sync: false,
        batch: { prepare: false },
      });
      const texts = await compiled();
      for (let i = 0; i < 3; i++) await other.get('a');
      expect(texts).toHaveLength(3);
    });

    it('goes on after a change of the schema', async () => {
      await store.set('a', { n: 1 });
      await knex.schema.alterTable(TABLE, (table) => table.string('more').defaultTo('x'));
      expect(await store.get('a')).toStrictEqual({ n: 1 });
      await store.set('a', { n: 2 });
      await knex.schema.renameTable(TABLE, 'parked');
      await expect(store.get('a')).rejects.toMatchObject({ code: 'DATABASE' });
      await knex.schema.renameTable('parked', TABLE);
      expect(await store.get('a')).toStrictEqual({ n: 2 });
    });

    it('keeps a hundred statements at most', async () => {
      const sids = Array.from({ length: 100 }, (_, i) => `s${i}`);
      const sizes = Array.from({ length: 99 }, (_, i) => i + 2);
      for (const size of sizes) {
        await Promise.all(sids.slice(0, size).map((sid) => store.set(sid, {})));
        await Promise.all(sids.slice(0, size).map((sid) => store.get(sid)));
      }
      const texts = await compiled();
      await Promise.all(sids.slice(0, 100).map((sid) => store.get(sid)));
      expect(texts).toHaveLength(0);
      await Promise.all(sids.slice(0, 2).map((sid) => store.get(sid)));
      expect(texts).toHaveLength(1);
    });
  },
  ['sqlite'],
);
