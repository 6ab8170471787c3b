import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { partsOf } from '../src/store.js';

const TABLE = 'kss_mysql_kept';

/** What of mysql2's connection makes it lose a statement. */
interface Connection {
  readonly config: object;
  prepare(sql: string, done: (error: unknown, statement?: { close(): void }) => void): void;
}

describeDatabases(
  'statements that connections keep compiled',
  (database, direct) => {
    let knex: Knex;
    let store: KnexSessionStore;
    /** How often the server was asked to compile a statement, by this connection. */
    const compiled = async () => {
      const [[row]] = await knex.raw("show session status like 'Com_stmt_prepare'");
      return Number(row.Value);
    };
    const open = async (options = {}) => {
      knex = database.open({ pool: { min: 1, max: 1 } });
      store = new KnexSessionStore(knex, { tableName: TABLE, gcInterval: 0, ...options });
      await store.waitForSync();
    };
    const useAll = async () => {
      await store.set('a', { n: 1 });
      expect(await store.get('a')).toStrictEqual({ n: 1 });
      const loaded = await store.load('a');
      await store.update('a', { n: 2 }, { revision: loaded?.revision });
      await store.touch('a');
      await store.destroy('a');
      expect(await store.get('a')).toBeNull();
    };

    beforeAll(() => direct().schema.dropTableIfExists(TABLE));
    beforeEach(async ({ skip }) => {
      await open();
      skip(knex.client.driverName !== 'mysql2', 'another driver');
    });
    afterEach(async () => {
      await store.close();
      await knex.destroy();
    });
    afterAll(() => direct().schema.dropTableIfExists(TABLE));

    it('are those of one row, each compiled once', async () => {
      const before = await compiled();
      for (let i = 0; i < 3; i++) await useAll();
      expect((await compiled()) - before).toBe(5);
      await Promise.all(['a', 'b', 'c'].map((sid) => store.set(sid, {})));
      await Promise.all(['a', 'b', 'c'].map((sid) => store.get(sid)));
      expect((await compiled()) - before).toBe(5);
    });

    it('are none where the option says so', async () => {
      await store.close();
      await knex.destroy();
      await open({ batch: { prepare: false } });
      await useAll();
      expect(await compiled()).toBe(0);
    });

    it.each([
      ['none', false],
      ['its own', (_: unknown, next: () => unknown) => next()],
    ])('are none where the app has other casts than the driver: %s', async (_, typeCast) => {
      const connection: Connection = await knex.client.acquireConnection();
      Object.assign(connection.config, { typeCast });
      await knex.client.releaseConnection(connection);
      await store.set('a', { n: 1 });
      expect(await store.get('a')).toStrictEqual({ n: 1 });
      Object.assign(connection.config, { typeCast: true });
      expect(await compiled()).toBe(0);
    });

    it('are compiled again by the server after a change of the table', async () => {
      await store.set('a', { n: 1 });
      expect(await store.get('a')).toStrictEqual({ n: 1 });
      await direct().schema.alterTable(TABLE, (table) => table.string('more').defaultTo('x'));
      expect(await store.get('a')).toStrictEqual({ n: 1 });
      await store.set('a', { n: 2 });
      expect(await store.get('a')).toStrictEqual({ n: 2 });
    });

    it('are given up where the server does not know one any more', async () => {
      await store.set('a', { n: 1 });
      await store.get('a');
      const connection: Connection = await knex.client.acquireConnection();
      const { place } = partsOf(store);
      const { read } = place.dialect.statements(place.layout, place.table, place.quote);
      await new Promise<void>((resolve, reject) => {
        connection.prepare(read, (error, statement) => {
          statement?.close();
          if (error) reject(error);
          else resolve();
        });
      });
      await knex.client.releaseConnection(connection);
      const before = await compiled();
      expect(await store.get('a')).toStrictEqual({ n: 1 });
      await useAll();
      expect(await compiled()).toBe(before);
    });
  },
  ['mariadb', 'mysql'],
);
