import { randomBytes } from 'node:crypto';
import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { backfill, encryption, KnexSessionStore } from '../src/index.js';
import { handleOf } from '../src/sid.js';
import { say, withSetting } from './settings.js';

const TABLE = 'kss_char_sids';
const schemas = [{ name: 'user_id', type: 'string', args: [50], index: true }] as const;

/** A table of the app's own, whose column of sids pads what it holds with spaces. */
function suite(open: (knex: () => Knex) => Knex) {
  return (_: unknown, knex: () => Knex) => {
    const codec = encryption({ keys: [randomBytes(32)] });
    const sids = ['one', 'two', 'three', 'ünlike'];
    let own: Knex;
    let store: KnexSessionStore<typeof schemas>;

    beforeAll(async () => {
      own = open(knex);
      await own.schema.dropTableIfExists(TABLE);
      await own.schema.createTable(TABLE, (table) => {
        const sid = table.specificType('sid', 'char(255)').primary();
        if (/mysql|maria/.test(String(own.client.config.client))) sid.collate('utf8mb4_bin');
        table.bigInteger('expire_at').notNullable().index();
        table.bigInteger('revision').notNullable();
        table.string('user_id', 50).index();
        table.text('additional', 'longtext');
      });
      store = new KnexSessionStore(own, { tableName: TABLE, schemas, codec, gcInterval: 0 });
      await store.waitForSync();
    });
    beforeEach(async () => {
      await store.clear();
      await Promise.all(sids.map((sid) => store.set(sid, { user_id: 'ada', of: sid })));
    });
    afterAll(async () => {
      await store.close();
      await own.schema.dropTableIfExists(TABLE);
      if (own !== knex()) await own.destroy();
    });

    it('lists each session by its handle, with what it holds', async () => {
      const listed = await store.find({ user_id: 'ada' }, { current: 'two', data: true });
      const entries = listed.map(({ handle, current, data }) => ({ handle, current, of: data?.of }));
      const expected = sids.map((sid) => ({ handle: handleOf(sid), current: sid === 'two', of: sid }));
      expect(new Set(entries)).toStrictEqual(new Set(expected));
    });

    it('ends the one that a handle means, and spares the one that is excepted', async () => {
      expect(await store.destroyWhere({ user_id: 'ada' }, { handle: handleOf('one') })).toBe(1);
      expect(await store.get('one')).toBeNull();
      expect(await store.destroyWhere({ user_id: 'ada' }, { except: 'two' })).toBe(2);
      expect(await store.get('two')).toStrictEqual({ user_id: 'ada', of: 'two' });
    });

    it('reads, updates, touches and ends one or many', async () => {
      const one = await store.load('one');
      expect(await store.update('one', { of: 'one', n: 1 }, { revision: one?.revision })).not.toBeNull();
      const loaded = await Promise.all(sids.map((sid) => store.load(sid)));
      const next = await Promise.all(
        sids.map((sid, i) => store.update(sid, { of: sid, n: 2 }, { revision: loaded[i]?.revision })),
      );
      expect(next).not.toContain(null);
      expect(await Promise.all(sids.map((sid) => store.touch(sid)))).toStrictEqual(sids.map(() => true));
      expect(await Promise.all(sids.map((sid) => store.get(sid)))).toStrictEqual(sids.map((of) => ({ of, n: 2 })));
      await Promise.all(sids.map((sid) => store.destroy(sid)));
      expect(await store.count('all')).toBe(0);
    });

    it('fills a column of them, a page at a time', async () => {
      await own(TABLE).update({ user_id: null });
      await Promise.all(sids.map((sid) => store.get(sid)));
      const later = [{ name: 'of', type: 'string', args: [50] }] as const;
      await own.schema.alterTable(TABLE, (table) => table.string('of', 50));
      const filling = new KnexSessionStore(own, { tableName: TABLE, schemas: later, codec, gcInterval: 0 });
      const progress = await backfill(filling, { chunk: 1 });
      expect(progress).toStrictEqual({ seen: 4, filled: 4, missed: 0, failed: 0 });
      expect((await filling.find({ of: 'three' })).map(({ handle }) => handle)).toStrictEqual([handleOf('three')]);
      await filling.close();
      await own.schema.alterTable(TABLE, (table) => table.dropColumn('of'));
    });
  };
}

describeDatabases(
  'sids in a column of fixed width',
  suite((knex) => knex()),
  ['sqlite', 'pglite', 'postgres', 'mariadb', 'mysql', 'cockroach'],
);
describeDatabases(
  'sids in a column of fixed width that is read as wide as it is',
  suite((knex) => withSetting(knex(), say("set session sql_mode = concat(@@sql_mode, ',PAD_CHAR_TO_FULL_LENGTH')"))),
  ['mariadb', 'mysql'],
);
