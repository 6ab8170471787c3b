import { setTimeout as sleep } from 'node:timers/promises';
import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { isKssError, KnexSessionStore, type StoreOptions } from '../src/index.js';
import { type HeldRow, holdRow, waiters } from './held-row.js';
import { type Watch, watch } from './watch.js';

const TABLE = 'kss_dispatch_deadlines';
const SERVERS: readonly DatabaseName[] = ['postgres', 'mariadb', 'mysql'];
const TIME = 1600;

describeDatabases(
  'the deadline of a call in a batch',
  ({ name, open: openKnex }, direct) => {
    let knex: Knex;
    let store: KnexSessionStore;
    let seen: Watch;
    const rows: HeldRow[] = [];

    const open = async (options: StoreOptions = {}) => {
      knex = openKnex({ pool: { min: 0, max: 4 } });
      knex.client.logger = { warn() {}, error() {}, debug() {}, deprecate() {} };
      const batch = { concurrency: 1 };
      store = new KnexSessionStore(knex, { tableName: TABLE, gcInterval: 0, timeout: TIME, batch, ...options });
      await store.waitForSync();
      await store.clear();
      await Promise.all(['held', 'slow', 'late', 'free'].map((sid) => store.set(sid, { n: 0 })));
      seen = watch(knex);
    };
    const hold = async (sid: string) => {
      const row = await holdRow(direct(), TABLE, sid);
      rows.push(row);
      return row;
    };
    const ended = (call: Promise<unknown>) =>
      call.then(
        () => 'done',
        (error: unknown) => (isKssError(error) ? error.code : error),
      );
    const expiry = async (sid: string) =>
      Number((await direct()(TABLE).where('sid', sid).first('expire_at')).expire_at);

    beforeAll(async () => {
      await direct().schema.dropTableIfExists(TABLE);
    });
    afterEach(async () => {
      for (const row of rows.splice(0)) await row.letGo();
      await store.close();
      await knex.destroy();
    });
    afterAll(async () => {
      await direct().schema.dropTableIfExists(TABLE);
    });

    it('ends that call only: the others of its statement and those that wait for it go on', async () => {
      await open();
      const first = await hold('held');
      const second = await hold('slow');
      const blocker = ended(store.set('held', { n: 1 }));
      await waiters(direct(), name, TABLE);
      const old = { update: ended(store.update('slow', { n: 1 })), touch: ended(store.touch('late', 9e9)) };
      await sleep(TIME / 2);
      const young = { update: ended(store.update('free', { n: 1 })), touch: ended(store.touch('free', 9e9)) };
      await first.letGo();
      expect(await blocker).toBe('done');
      // Now both updates are under way in one statement, and the touches wait for it.
      await waiters(direct(), name, TABLE);
      expect(await old.update).toBe('TIMEOUT');
      expect(await old.touch).toBe('TIMEOUT');
      await second.letGo();
      expect(await young.update).toBe('done');
      expect(await young.touch).toBe('done');
      const [late, free] = await Promise.all(['late', 'free'].map(expiry));
      expect(late).toBeLessThan(Date.now() + 8e9); // it was never sent
      expect(free).toBeGreaterThan(Date.now() + 8e9);
      expect(await store.get('free')).toMatchObject({ n: 1 });
    });

    it('ends a statement that hangs, so that those with time left are sent', async () => {
      await open();
      await hold('held');
      const hanging = [ended(store.update('held', { n: 1 })), ended(store.update('late', { n: 1 }))];
      await waiters(direct(), name, TABLE);
      await sleep(TIME / 2);
      const young = [store.update('free', { n: 2 }), store.set('new', {}), store.touch('free')].map(ended);
      expect(await Promise.all(hanging)).toStrictEqual(['TIMEOUT', 'TIMEOUT']);
      expect(await Promise.all(young)).toStrictEqual(['done', 'done', 'done']);
      expect(await Promise.all(['free', 'new'].map((sid) => store.get(sid)))).toStrictEqual([{ n: 2 }, {}]);
      expect(await store.count('all')).toBe(5);
    });

    it('holds while the pool has no connection, and what was given up is not sent', async () => {
      await open({ timeout: 300 });
      seen.since();
      const held = await Promise.all([1, 2, 3, 4].map(() => knex.transaction()));
      const calls = [
        store.set('lost', {}),
        store.update('free', { n: 9 }),
        store.touch('free', 9e9),
        store.find('all'),
      ];
      expect(await Promise.all(calls.map(ended))).toStrictEqual(['TIMEOUT', 'TIMEOUT', 'TIMEOUT', 'TIMEOUT']);
      await Promise.all(held.map((trx) => trx.rollback()));
      expect(await store.get('lost')).toBeNull();
      expect(await store.get('free')).toStrictEqual({ n: 0 });
      expect(seen.since().filter((sql) => /^(insert|update)/.test(sql))).toStrictEqual([]);
    });
  },
  SERVERS,
  { variants: [] },
);
