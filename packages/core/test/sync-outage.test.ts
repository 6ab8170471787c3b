import { type DatabaseName, describeDatabases, startProxy, type TcpProxy } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_sync_outage';
const SERVERS: readonly DatabaseName[] = ['postgres', 'mariadb', 'mysql'];

describeDatabases(
  'a database that does not answer',
  (database, direct) => {
    const heard: Error[] = [];
    let proxy: TcpProxy;
    let knex: Knex;
    let store: KnexSessionStore;

    const open = async (listening: boolean) => {
      if (database.server === undefined) throw new Error('This suite is for servers.');
      proxy = await startProxy(database.server, listening);
      knex = database.open({ port: proxy.port });
      knex.client.logger = { warn() {}, error() {}, debug() {}, deprecate() {} };
    };
    const begin = () => {
      heard.length = 0;
      store = new KnexSessionStore(knex, {
        tableName: TABLE,
        syncTimeout: 1000,
        timeout: 5000,
        gcInterval: 0,
        onError: (error) => heard.push(error),
      });
    };
    const clean = () => direct().schema.dropTableIfExists(TABLE);
    beforeAll(clean);
    afterEach(async () => {
      proxy.cut();
      await store.close();
      await knex.destroy();
      await proxy.stop();
    });
    afterAll(clean);

    it('is a SYNC_TIMEOUT for each call, and asked again once it answers, it is there', async () => {
      await open(true);
      proxy.stall();
      begin();
      await expect(store.waitForSync()).rejects.toEqual(failure('SYNC_TIMEOUT', '1000 ms'));
      await expect(store.get('a')).rejects.toEqual(failure('SYNC_TIMEOUT'));
      expect(heard).toEqual([failure('SYNC_TIMEOUT')]);
      proxy.resume();
      // What was lost on the way stays lost: a new attempt is needed, not a longer wait.
      await expect.poll(() => store.waitForSync().then(() => 'there', String), { timeout: 15_000 }).toBe('there');
      await store.set('a', { n: 1 });
      expect(await store.get('a')).toStrictEqual({ n: 1 });
    });

    it('is a SYNC_TIMEOUT where an open connection stops to answer, and recovers', async () => {
      await open(true);
      await knex.raw('select 1');
      proxy.stall();
      begin();
      await expect(store.waitForSync()).rejects.toEqual(failure('SYNC_TIMEOUT'));
      proxy.resume();
      await expect.poll(() => store.waitForSync().then(() => 'there', String), { timeout: 15_000 }).toBe('there');
      await store.set('a', { n: 1 });
    });

    it('is a SYNC_TIMEOUT that ends when the broken connections do', async () => {
      await open(true);
      proxy.stall();
      begin();
      await expect(store.waitForSync()).rejects.toEqual(failure('SYNC_TIMEOUT'));
      proxy.resume();
      proxy.cut();
      await expect.poll(() => store.waitForSync().then(() => 'there', String), { timeout: 15_000 }).toBe('there');
    });

    it('that is down at the start is an error of each call at once, and there when it is up', async () => {
      await open(false);
      begin();
      await expect(store.waitForSync()).rejects.toEqual(failure('DATABASE'));
      await expect(store.set('a', { n: 1 })).rejects.toEqual(failure('DATABASE'));
      expect(heard).toEqual([failure('DATABASE')]);
      await proxy.start();
      await store.set('a', { n: 2 });
      expect(await store.get('a')).toStrictEqual({ n: 2 });
    });

    it('is a SYNC_TIMEOUT where the pool has no connection left', async () => {
      await open(true);
      await knex.destroy();
      knex = database.open({ port: proxy.port, pool: { min: 0, max: 1 } });
      const trx = await knex.transaction();
      begin();
      await expect(store.waitForSync()).rejects.toEqual(failure('SYNC_TIMEOUT', 'pool'));
      await trx.rollback();
      await store.waitForSync();
    });
  },
  SERVERS,
);
