import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { type HeldRow, holdRow } from './held-row.js';

const TABLE = 'kss_locked_rows';

describeDatabases(
  'a session whose row the app has locked, in a table of few others',
  (_, knex) => {
    const sids = Array.from({ length: 40 }, (_, i) => `s${String(i).padStart(2, '0')}`);
    let store: KnexSessionStore;
    let row: HeldRow | undefined;

    beforeAll(async () => {
      await knex().schema.dropTableIfExists(TABLE);
      store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, timeout: 4000 });
      await store.waitForSync();
    });
    beforeEach(async () => {
      await row?.letGo();
      await Promise.all(sids.map((sid) => store.set(sid, { n: 0 })));
      row = await holdRow(knex(), TABLE, 's05');
    });
    afterAll(async () => {
      await row?.letGo();
      await store.close();
      await knex().schema.dropTableIfExists(TABLE);
    });

    it.each<[string, (sid: string) => Promise<unknown>, unknown]>([
      ['set', (sid) => store.set(sid, { n: 1 }), { n: 1 }],
      ['update', (sid) => store.update(sid, { n: 1 }), { n: 1 }],
      ['touch', (sid) => store.touch(sid, 1_000_000), { n: 0 }],
      ['destroy', (sid) => store.destroy(sid), null],
    ])('holds up no %s of those', async (_, call, then) => {
      const others = sids.slice(20);
      await Promise.all(others.map(call));
      expect(await Promise.all(others.map((sid) => store.get(sid)))).toStrictEqual(others.map(() => then));
    });
  },
  ['postgres', 'mariadb', 'mysql'],
);
