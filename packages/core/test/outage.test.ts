import { type DatabaseName, describeDatabases, startProxy, type TcpProxy } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isKssError, KnexSessionStore } from '../src/index.js';
import { lookingAfter } from './patience.js';

const TABLE = 'kss_outage';
const SERVERS: readonly DatabaseName[] = ['postgres', 'mariadb', 'mysql'];
const schemas = [{ name: 'user_id', type: 'string' }] as const;
// How many statements on a table are under way and get no further.
const WAITING: Readonly<Record<string, (table: string) => string>> = {
  postgres: (table) =>
    `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%${table}%'`,
  mariadb: (table) =>
    `select count(*) from information_schema.processlist where info like '%${table}%' and time_ms > 50`,
  mysql: (table) =>
    `select count(*) from performance_schema.data_locks where object_name = '${table}' and lock_status = 'WAITING'`,
};
async function waitingOn(knex: Knex, name: DatabaseName, table: string): Promise<number> {
  const [row] = await knex.select(knex.raw(`(${WAITING[name]?.(table)}) as n`));
  return Number(row?.n);
}
interface Querying {
  query(sql: string, done: (error: unknown) => void): void;
}
const strays: unknown[] = [];
const stray = (error: unknown) => strays.push(error);

beforeAll(() => {
  process.on('unhandledRejection', stray);
});
afterAll(() => {
  process.removeListener('unhandledRejection', stray);
});

describeDatabases(
  'a server behind a proxy',
  (database, direct) => {
    let proxy: TcpProxy;
    let knex: Knex;
    let store: KnexSessionStore<typeof schemas>;

    const open = (timeout: number, pool: Knex.PoolConfig = {}) => {
      knex = database.open({ port: proxy.port, pool, acquireConnectionTimeout: 5000 });
      knex.client.logger = { warn() {}, error() {}, debug() {}, deprecate() {} };
      store = new KnexSessionStore(knex, { tableName: TABLE, schemas, timeout, syncTimeout: 2000, onError() {} });
      return store;
    };
    const verbs: [string, () => Promise<unknown>][] = [
      ['get', () => store.get('s1')],
      ['load', () => store.load('s1')],
      ['set', () => store.set('s1', { n: 1 })],
      ['update', () => store.update('s1', { n: 1 })],
      ['touch', () => store.touch('s1')],
      ['touch with a cookie', () => store.touch('s1', 1000, {})],
      ['destroy', () => store.destroy('s1')],
      ['find', () => store.find({ user_id: 'ada' })],
      ['count', () => store.count('all')],
      ['destroyWhere', () => store.destroyWhere({ user_id: 'ada' })],
      ['gc', () => store.gc()],
      ['clear', () => store.clear()],
    ];

    beforeAll(async () => {
      await direct().schema.dropTableIfExists(TABLE);
      if (database.server === undefined) throw new Error('This suite is for servers.');
      proxy = await startProxy(database.server);
    });
    beforeEach(() => {
      strays.length = 0;
    });
    afterEach(async () => {
      proxy.resume();
      await proxy.stop();
      await proxy.start();
      await store.close();
      await knex.destroy();
      expect(strays).toEqual([]);
    });
    afterAll(async () => {
      await proxy.stop();
      await direct().schema.dropTableIfExists(TABLE);
    });

    // Its binding to libpq does not look at the error of a socket that was reset: the statement under way hangs until its
    // deadline.
    const seesResets = database.label !== 'pg-native';

    it.runIf(seesResets)(
      'rejects every verb once while the server is down, at once, and works again by itself',
      async () => {
        await open(8000).waitForSync();
        await store.set('s1', { n: 0 });
        await proxy.stop();
        for (const [name, call] of verbs) {
          const started = Date.now();
          const error = await call().then(
            () => undefined,
            (reason: unknown) => reason,
          );
          expect([name, isKssError(error, 'DATABASE')]).toEqual([name, true]);
          expect(Date.now() - started).toBeLessThan(4000);
          expect((error as { cause?: unknown }).cause).toBeInstanceOf(Error);
        }
        await proxy.start();
        expect(await store.get('s1')).toEqual({ n: 0 });
        for (const [, call] of verbs) await call();
      },
    );

    it('comes up when the server does', async () => {
      await proxy.stop();
      open(8000);
      await expect(store.waitForSync()).rejects.toSatisfy((error) => isKssError(error));
      await expect(store.get('s1')).rejects.toSatisfy((error) => isKssError(error));
      await proxy.start();
      await store.waitForSync();
      await store.set('s1', { up: true });
      expect(await store.get('s1')).toEqual({ up: true });
    });

    it.runIf(seesResets)('tries again where an established connection broke', async () => {
      await open(8000, { min: 0, max: 4 }).waitForSync();
      await store.set('s1', { n: 0 });
      for (let n = 1; n <= 5; n++) {
        const calls = Array.from({ length: 10 }, (_, i) => store.set(`s${i}`, { n }));
        proxy.cut();
        await Promise.all(calls);
        expect(await store.get('s9')).toEqual({ n });
      }
    });

    it.runIf(seesResets)('tries again where a connection broke in the middle of a statement', async () => {
      await open(8000, { min: 0, max: 4 }).waitForSync();
      await store.set('s1', { n: 0 });
      const holder = await direct().transaction();
      await holder(TABLE).where('sid', 's1').update({ user_id: 'eve' });
      const saved = store.set('s1', { n: 1 }).then(
        () => 'saved',
        (error: unknown) => error,
      );
      await expect.poll(() => waitingOn(direct(), database.name, TABLE), { timeout: 5000 }).toBe(1);
      proxy.cut();
      await holder.rollback();
      expect(await saved).toBe('saved');
      expect(await store.get('s1')).toEqual({ n: 1 });
    });

    it('ends a call at its deadline when the server says nothing, and lets the broken connection go', async () => {
      await open(1000, { min: 0, max: 4 }).waitForSync();
      await store.set('s1', { n: 0 });
      proxy.stall();
      const calls = [store.get('s1'), store.set('s2', {}), store.touch('s1'), store.get('s1')];
      for (const outcome of await Promise.allSettled(calls)) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'TIMEOUT' } });
      }
      proxy.resume();
      await expect.poll(() => store.get('s1').catch(() => null), { timeout: 10_000 }).toEqual({ n: 0 });
    });

    it('closes a connection that it gave up, so that a silent server costs no sockets', async () => {
      await open(300, { min: 0, max: 4 }).waitForSync();
      await store.destroy('s1');
      proxy.stall();
      await expect(store.get('s1')).rejects.toMatchObject({ code: 'TIMEOUT' });
      proxy.resume();
      await expect.poll(() => store.get('s1').catch(() => 'not yet'), { timeout: 10_000 }).toBeNull();
      await expect.poll(() => proxy.broken, { timeout: 5000 }).toBe(0);
    });

    // Through other drivers it is closed when the pool is asked next.
    it.runIf(database.label === database.name)('closes it at once, and not when the pool is asked next', async () => {
      await open(300, { min: 0, max: 4 }).waitForSync();
      await store.destroy('s1');
      proxy.stall();
      await expect(store.get('s1')).rejects.toMatchObject({ code: 'TIMEOUT' });
      await expect.poll(() => proxy.broken, { timeout: 2000 }).toBe(0);
      proxy.resume();
      expect(await store.get('s1')).toBeNull();
    });

    it.runIf(database.label === 'postgres')(
      'and a server that looks after its clients gives up the statement, which takes no effect later',
      async () => {
        const afterCreate = (connection: Querying, done: (error: unknown, connection: Querying) => void) =>
          connection.query("set client_connection_check_interval = '50ms'", (error) => done(error, connection));
        await open(1000, { min: 0, max: 4, afterCreate }).waitForSync();
        await store.set('s1', { n: 0 });
        const holder = await direct().transaction();
        await holder(TABLE).where('sid', 's1').forUpdate().select('sid');
        const late = expect(store.set('s1', { n: 1 })).rejects.toMatchObject({ code: 'TIMEOUT' });
        await expect.poll(() => waitingOn(direct(), database.name, TABLE), { timeout: 5000 }).toBe(1);
        await late;
        await expect.poll(() => waitingOn(direct(), database.name, TABLE), { timeout: 2000 }).toBe(0);
        await holder.rollback();
        expect(await store.get('s1')).toEqual({ n: 0 });
      },
    );

    it('gives up waiting for a connection at the deadline, and never sends what it gave up', async () => {
      await open(500, { min: 0, max: 2 }).waitForSync();
      const held = await Promise.all([knex.transaction(), knex.transaction()]);
      await expect(store.set('s-late', {})).rejects.toMatchObject({ code: 'TIMEOUT' });
      await Promise.all(held.map((trx) => trx.rollback()));
      await store.set('s-after', {});
      expect(await store.get('s-late')).toBeNull();
      expect(await store.get('s-after')).toEqual({});
    });

    it("holds at most half of the app's pool", async () => {
      await open(8000, { min: 0, max: 4 }).waitForSync();
      let most = 0;
      const timer = setInterval(() => {
        most = Math.max(most, (knex.client as { pool: { numUsed(): number } }).pool.numUsed());
      }, 1);
      await Promise.all(Array.from({ length: 300 }, (_, n) => store.set(`s${n}`, { n })));
      clearInterval(timer);
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(2);
    });
  },
  SERVERS,
);

describeDatabases(
  'errors of the database',
  (database, knex) => {
    const { name } = database;
    let store: KnexSessionStore<typeof schemas>;

    beforeAll(async () => {
      await knex().schema.dropTableIfExists(`${TABLE}_errors`);
      store = new KnexSessionStore(knex(), { tableName: `${TABLE}_errors`, schemas });
      await store.waitForSync();
    });
    afterAll(async () => {
      await store.close();
      await knex().schema.dropTableIfExists(`${TABLE}_errors`);
    });

    it('show neither sids nor session data, in the cause neither', async () => {
      const wrong = new KnexSessionStore(knex(), { tableName: `${TABLE}_none`, sync: false, schemas });
      const error = await wrong
        .set('secret-sid', { user_id: 'secret-user', text: 'secret-text' })
        .catch((e: unknown) => e);
      expect(isKssError(error, 'DATABASE')).toBe(true);
      const { cause, message, stack } = error as Error & { cause: Error };
      expect(message).toContain(`${TABLE}_none`);
      const told = [message, stack, cause.message, cause.stack, JSON.stringify(cause)].join();
      expect(told).not.toMatch(/secret/);
      await wrong.close();
    });

    it('tries again after a deadlock that it lost', async () => {
      const all = Array.from({ length: 10 }, (_, n) => `d${n}`);
      // By key and by expiry, d0 is the first that a scan meets and d9 the last.
      await Promise.all(all.map((sid, n) => store.set(sid, { user_id: 'ada' }, 100_000 * (n + 1))));
      const others = all.map((sid) => `z${sid}`);
      await Promise.all(others.map((sid) => store.set(sid, { user_id: 'bob' }, 9_000_000)));
      const lost: unknown[] = [];
      const own = database.open({ pool: { min: 0, max: 4, afterCreate: lookingAfter('3s', name) } });
      own.on('query-error', (error: { code?: unknown }) => lost.push(error.code));
      const loser = new KnexSessionStore(own, { tableName: `${TABLE}_errors`, schemas, sync: false });

      // The transaction has written more, so the server lets it win.
      const trx = await knex().transaction();
      if (name === 'postgres') await trx.raw("set local deadlock_timeout = '60s'");
      const rows = () => trx(`${TABLE}_errors`);
      for (const sid of others) await rows().where('sid', sid).update({ user_id: 'eve' }); // one by one: a scan would lock all
      await rows().where('sid', 'd9').update({ additional: '{}' });
      const ended = loser.destroyWhere({ user_id: 'ada' });
      // It has locked the first rows and waits for the last.
      await expect.poll(() => waitingOn(knex(), name, `${TABLE}_errors`)).toBe(1);
      await rows().where('sid', 'd0').update({ additional: '{}' });
      await trx.commit();

      expect(await ended).toBe(10);
      await loser.close();
      await own.destroy();
      // Once at least; the server may choose the same victim again.
      expect(lost).not.toEqual([]);
      for (const code of lost) expect(code).toMatch(/40P01|ER_LOCK_DEADLOCK/);
    });
  },
  SERVERS,
);

describe('an app that destroys its own knex', () => {
  describeDatabases('with the store open', (database) => {
    it('gets an error from every later call, and the store closes', async () => {
      const knex = database.open();
      await knex.schema.dropTableIfExists(`${TABLE}_gone`);
      const store = new KnexSessionStore(knex, { tableName: `${TABLE}_gone` });
      await store.waitForSync();
      await knex.schema.dropTable(`${TABLE}_gone`);
      await knex.destroy();
      await expect(store.get('s1')).rejects.toSatisfy((error) => isKssError(error, 'DATABASE'));
      await store.close();
    });
  });
});
