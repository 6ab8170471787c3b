import { describeDatabases, startProxy, type TcpProxy } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { connect, withSetting } from './settings.js';

const TABLE = 'kss_lost_answers';
const schemas = [{ name: 'user_id', type: 'string', args: [50], index: true }] as const;
type Store = KnexSessionStore<typeof schemas>;

/** A connection breaks after the server did what it was told, and before it says so. */
function suite(open: (knex: Knex) => Knex) {
  return (database: Parameters<Parameters<typeof describeDatabases>[1]>[0], direct: () => Knex) => {
    let proxy: TcpProxy;
    let knex: Knex;
    let store: Store;
    let other: Store;

    beforeAll(async () => {
      await direct().schema.dropTableIfExists(TABLE);
      if (database.server === undefined) throw new Error('This suite is for servers.');
      proxy = await startProxy(database.server);
      other = new KnexSessionStore(direct(), { tableName: TABLE, schemas, gcInterval: 0 });
      await other.waitForSync();
    });
    beforeEach(async () => {
      await other.clear();
      knex = open(database.open({ port: proxy.port, pool: { min: 0, max: 10 } }));
      knex.client.logger = { warn() {}, error() {}, debug() {}, deprecate() {} };
      store = new KnexSessionStore(knex, {
        tableName: TABLE,
        schemas,
        sync: false,
        gcInterval: 0,
        batch: {},
        onError() {},
      });
      await store.get('none');
    });
    afterEach(async () => {
      proxy.resume();
      await store.close();
      await knex.destroy();
    });
    afterAll(async () => {
      await other.close();
      await proxy.stop();
      await direct().schema.dropTableIfExists(TABLE);
    });

    /** What a call answers whose connection breaks when the server has done it. */
    const losing = async <T>(call: () => Promise<T>, done: () => Promise<boolean>): Promise<T> => {
      proxy.stall();
      const called = call();
      await expect.poll(done, { timeout: 10_000 }).toBe(true);
      proxy.resume();
      proxy.cut();
      return called;
    };
    const rows = async () => Number((await direct()(TABLE).count({ n: '*' }))[0]?.n);

    it('and the revisions of sets that are sent again serve an update', async () => {
      const sids = ['new', 'lives', 'new too', 'lives too'];
      for (const sid of sids) if (sid.startsWith('lives')) await other.set(sid, { n: 0 });
      const revisions = await losing(
        () => Promise.all(sids.map((sid) => store.set(sid, { n: 1 }))),
        async () => (await rows()) === sids.length,
      );
      const next = await Promise.all(sids.map((sid, i) => store.update(sid, { n: 2 }, { revision: revisions[i] })));
      expect(next.map((revision) => revision !== null)).toStrictEqual([true, true, true, true]);
      expect(await Promise.all(sids.map((sid) => other.get(sid)))).toStrictEqual(sids.map(() => ({ n: 2 })));
    });

    it.each<[string, () => Promise<number>]>([
      ['destroyWhere', () => store.destroyWhere({ user_id: 'ada' })],
      ['clear', () => store.clear()],
      ['gc', () => store.gc()],
    ])('and %s has done what it was to do, and counts no row that it does not know of', async (verb, call) => {
      const sids = ['a', 'b', 'c'];
      await Promise.all(sids.map((sid) => other.set(sid, { user_id: 'ada' }, verb === 'gc' ? -1000 : undefined)));
      expect(
        await losing(
          () => call(),
          async () => (await rows()) === 0,
        ),
      ).toBe(0);
      await Promise.all(sids.map((sid) => other.set(sid, { user_id: 'ada' }, verb === 'gc' ? -1000 : undefined)));
      expect(await call()).toBe(sids.length);
    });

    it('and the session of a handle, which was there, counts as ended', async () => {
      await Promise.all(['a', 'b'].map((sid) => other.set(sid, { user_id: 'ada' })));
      const [{ handle } = { handle: '' }] = await other.find({ user_id: 'ada' });
      const stall = () => proxy.stall(); // when the session was found
      knex.once('query-response', stall);
      const ended = store.destroyWhere({ user_id: 'ada' }, { handle });
      await expect.poll(rows, { timeout: 10_000 }).toBe(1);
      proxy.resume();
      proxy.cut();
      expect(await ended).toBe(1);
      expect(await store.destroyWhere({ user_id: 'ada' }, { handle })).toBe(0);
      expect(await rows()).toBe(1);
    });
  };
}

describeDatabases(
  'an answer that is lost',
  suite((knex) => knex),
  ['postgres', 'mariadb', 'mysql'],
  { variants: ['mariadb-mariadb-driver'] },
);
describeDatabases(
  'an answer that is lost where the app counts changed rows only',
  suite((knex) => withSetting(knex, connect({ flags: ['-FOUND_ROWS'], foundRows: false }))),
  ['mariadb', 'mysql'],
  { variants: ['mariadb-mariadb-driver'] },
);
