import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KnexSessionStore, type Revision } from '../src/index.js';
import { connect, withSetting } from './settings.js';

const TABLE = 'kss_past_expiry';
const HOUR = 3_600_000;

/** What ends a session by giving it an expiry of the past, beside others that live on and one that is not there. */
function suite(open: (knex: () => Knex) => Knex) {
  return (_: unknown, knex: () => Knex) => {
    const sids = ['past', 'later', 'past too', 'same'];
    let own: Knex;
    let other: KnexSessionStore;

    beforeAll(async () => {
      await knex().schema.dropTableIfExists(TABLE);
      own = open(knex);
      other = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0 });
      await other.waitForSync();
    });
    beforeEach(async () => {
      await other.clear();
    });
    afterAll(async () => {
      await other.close();
      if (own !== knex()) await own.destroy();
      await knex().schema.dropTableIfExists(TABLE);
    });

    describe.each([[{}], [false]] as const)('where the option batch is %j', (batch) => {
      let store: KnexSessionStore;
      let revisions: Revision[];
      const expires = Math.floor(Date.now() / 1000) * 1000 + HOUR;
      const lifetime = (sid: string) => {
        if (sid.startsWith('past')) return -1000;
        return sid === 'same' ? expires - Date.now() : 2 * HOUR;
      };
      const left = () => Promise.all(sids.map(async (sid) => (await other.get(sid)) !== null));

      beforeAll(() => {
        store = new KnexSessionStore(own, { tableName: TABLE, sync: false, gcInterval: 0, batch });
      });
      beforeEach(async () => {
        const cookie = { expires: new Date(expires) };
        revisions = await Promise.all(sids.map((sid) => store.set(sid, { cookie })));
      });
      afterAll(() => store.close());

      it('a touch says that the session was there', async () => {
        const touched = await Promise.all([...sids, 'none'].map((sid) => store.touch(sid, lifetime(sid))));
        expect(touched).toStrictEqual([true, true, true, true, false]);
        expect(await left()).toStrictEqual([false, true, false, true]);
        const again = await Promise.all(sids.map((sid) => store.touch(sid, lifetime(sid))));
        expect(again).toStrictEqual([false, true, false, true]);
      });

      it.each([['with'], ['without']])('an update %s a revision says so, too', async (kind) => {
        const update = (of: readonly (Revision | null)[]) =>
          Promise.all(
            [...sids, 'none'].map(async (sid, i) => {
              const revision = (kind === 'with' && of[i]) || undefined;
              return store.update(sid, { from: 'here' }, { maxAge: lifetime(sid), revision });
            }),
          );
        const updated = await update(revisions);
        expect(updated.map((revision) => revision !== null)).toStrictEqual([true, true, true, true, false]);
        expect(await left()).toStrictEqual([false, true, false, true]);
        const again = await update(updated);
        expect(again.map((revision) => revision !== null)).toStrictEqual([false, true, false, true, false]);
      });
    });
  };
}

describeDatabases(
  'an expiry of the past, for a session that lives',
  suite((knex) => knex()),
);
describeDatabases(
  'an expiry of the past, beside rows that do not change and are not counted,',
  suite((knex) => withSetting(knex(), connect({ flags: ['-FOUND_ROWS'], foundRows: false }))),
  ['mariadb', 'mysql'],
  { variants: ['mariadb-mariadb-driver', 'mysql-mariadb-driver'] },
);
