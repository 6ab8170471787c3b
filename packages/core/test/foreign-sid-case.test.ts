import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_test_foreign_sid_case';
const KNOWN: readonly DatabaseName[] = ['mariadb', 'mysql'];
const HOUR = 3_600_000;

// As other stores leave it: with the collation of the database, which ignores case.
describeDatabases(
  'a session id in other letters, where the column ignores case,',
  (_, knex) => {
    beforeAll(async () => {
      await knex().schema.dropTableIfExists(TABLE);
      await knex().raw(
        'create table ?? (sid varchar(255) collate utf8mb4_general_ci primary key, sess json not null, ' +
          'expired datetime not null, key (expired))',
        [TABLE],
      );
    });
    afterAll(() => knex().schema.dropTableIfExists(TABLE));

    describe.each([
      ['alone', false, ['ABC']],
      ['among others', {}, ['ABC', 'one', 'two']],
    ] as const)('%s', (_title, batch, sids) => {
      let store: KnexSessionStore;

      beforeEach(async () => {
        await knex()(TABLE).delete();
        const options = { tableName: TABLE, layout: 'connect-session-knex', gcInterval: 0 } as const;
        store = new KnexSessionStore(knex(), { ...options, batch });
        for (const sid of ['abc', 'one', 'two']) await store.set(sid, { sid });
        return () => store.close();
      });

      it('reads no session of another', async () => {
        const [got] = await Promise.all(sids.map((sid) => store.get(sid)));
        const [loaded] = await Promise.all(sids.map((sid) => store.load(sid)));
        expect([got, loaded]).toEqual([null, null]);
        const [mine] = await Promise.all(['abc', ...sids.slice(1)].map((sid) => store.get(sid)));
        expect(mine).toEqual({ sid: 'abc' });
      });

      it('writes the one row that the column has for both', async () => {
        await Promise.all(sids.map((sid) => store.set(sid, { n: 3 })));
        expect(await store.get('abc')).toEqual({ n: 3 });
        await Promise.all(sids.map((sid) => store.touch(sid, 2 * HOUR)));
        await Promise.all(sids.map((sid) => store.destroy(sid)));
        expect(await store.get('abc')).toBeNull();
        expect(await knex()(TABLE).select('sid')).toHaveLength(3 - sids.length);
      });
    });
  },
  KNOWN,
);
