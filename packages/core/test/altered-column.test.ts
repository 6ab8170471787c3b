import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_test_altered_column';
const AT = new Date('2026-03-29T01:30:00.123Z');

describeDatabases(
  'a column whose type is altered under a running store',
  (_, knex) => {
    beforeAll(() => knex().schema.dropTableIfExists(TABLE));
    afterAll(() => knex().schema.dropTableIfExists(TABLE));

    it('takes and gives the same instants as before, alone and together', async () => {
      const store = new KnexSessionStore(knex(), {
        tableName: TABLE,
        gcInterval: 0,
        schemas: [{ name: 'seen', type: 'timestamp', args: [{ useTz: false }] }],
      });
      const sids = ['a', 'b', 'c'];
      const save = async () => {
        await store.set('alone', { seen: AT });
        await Promise.all(sids.map((sid) => store.set(sid, { seen: AT })));
        for (const sid of ['alone', ...sids]) await store.update(sid, { seen: AT });
        await Promise.all(sids.map((sid) => store.update(sid, { seen: AT })));
      };
      const read = async () => [
        await store.get('alone'),
        ...(await Promise.all(sids.map((sid) => store.get(sid)))),
        ...(await store.find({ seen: AT })).map(({ columns }) => columns),
      ];
      // Often enough for every connection to have its statements prepared.
      for (let i = 0; i < 8; i++) await save();
      expect(await read()).toStrictEqual(Array.from({ length: 8 }, () => ({ seen: AT })));
      await knex().raw(`alter table ${TABLE} alter column seen type timestamptz using seen at time zone 'UTC'`);
      for (let i = 0; i < 8; i++) await save();
      expect(await read()).toStrictEqual(Array.from({ length: 8 }, () => ({ seen: AT })));
      await store.close();
    });
  },
  ['postgres', 'pglite'],
);
