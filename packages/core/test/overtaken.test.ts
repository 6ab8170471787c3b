import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

describeDatabases(
  'a batch that another process overtakes before the server is asked for more',
  (database, direct) => {
    const tableName = 'kss_overtaken';
    const sids = ['overtaken', 'ended', 'reborn', 'alone'];
    let knex: Knex;
    let store: KnexSessionStore;
    let merging: KnexSessionStore;
    let other: KnexSessionStore;

    beforeAll(async () => {
      await direct().schema.dropTableIfExists(tableName);
      knex = database.open();
      other = new KnexSessionStore(direct(), { tableName, gcInterval: 0, onConflict: 'overwrite' });
      await other.waitForSync();
      store = new KnexSessionStore(knex, { tableName, sync: false, gcInterval: 0, onConflict: 'overwrite' });
      merging = new KnexSessionStore(knex, { tableName, sync: false, gcInterval: 0 });
    });
    beforeEach(async () => {
      await other.clear();
    });
    afterAll(async () => {
      for (const one of [store, merging, other]) await one.close();
      await knex.destroy();
      await direct().schema.dropTableIfExists(tableName);
    });

    /** Does something between the next write and the statement after it. */
    const between = (act: () => Promise<unknown>) => {
      const client = knex.client as { acquireConnection(): Promise<unknown> };
      const acquire = client.acquireConnection;
      let written = false;
      knex.on('query-response', (_: unknown, { sql }: { sql: string }) => {
        written ||= /^(update|insert)/.test(sql);
      });
      client.acquireConnection = async () => {
        if (written) {
          client.acquireConnection = acquire;
          await act();
        }
        return acquire.call(client);
      };
    };
    const overtake = async () => {
      await other.update('overtaken', { from: 'the other' });
      await other.destroy('ended');
      await other.destroy('reborn');
      await other.set('reborn', { from: 'another' });
    };

    it('merges an update no second time, over the later save', async () => {
      const counted = ['counted', 'beside', 'ended before'];
      const revisions = await Promise.all(counted.map((sid) => merging.set(sid, { count: 0 })));
      await other.destroy('ended before'); // so that not all are reached
      between(async () => {
        const loaded = await other.load('counted');
        const count = (loaded?.session.count as number) + 1;
        await other.update('counted', { count }, { revision: loaded?.revision });
      });
      const next = await Promise.all(
        counted.map((sid, i) => merging.update(sid, { count: 1 }, { revision: revisions[i] })),
      );
      expect(next.map((revision) => revision !== null)).toStrictEqual([true, true, false]);
      expect(await other.get('counted')).toStrictEqual({ count: 2 });
      expect(await other.get('beside')).toStrictEqual({ count: 1 });
    });

    it('says of each session that it was there, and does no more to one that was reborn', async () => {
      const revisions = await Promise.all(sids.map((sid) => store.set(sid, { from: 'before' })));
      await other.destroy('none');
      const next = await Promise.all(
        [...sids, 'none'].map((sid, i) => store.update(sid, { from: 'here' }, { revision: revisions[i] })),
      );
      expect(next.map((revision) => revision !== null)).toStrictEqual([true, true, true, true, false]);
      await overtake();
      const later = await Promise.all(
        sids.map((sid, i) => store.update(sid, { from: 'later' }, { revision: next[i] ?? undefined })),
      );
      expect(later.map((revision) => revision !== null)).toStrictEqual([true, false, false, true]);
      expect(await other.get('reborn')).toStrictEqual({ from: 'another' });
    });

    it('says the same of those that are updated whatever their revision', async () => {
      await Promise.all(sids.map((sid) => store.set(sid, { from: 'before' })));
      between(overtake);
      const next = await Promise.all([...sids, 'none'].map((sid) => store.update(sid, { from: 'here' })));
      expect(next.map((revision) => revision !== null)).toStrictEqual([true, true, true, true, false]);
      expect(await other.get('overtaken')).toStrictEqual({ from: 'the other' });
      const later = { revision: next[0] ?? undefined };
      expect(await store.update('overtaken', { from: 'later' }, later)).not.toBeNull();
    });

    it('gives a revision of a set that serves an update', async () => {
      await Promise.all(sids.map((sid) => other.set(sid, { from: 'before' })));
      between(() => other.update('overtaken', { from: 'the other' }));
      const next = await Promise.all(sids.map((sid) => store.set(sid, { from: 'here' })));
      expect(await other.get('overtaken')).toStrictEqual({ from: 'the other' });
      const later = await Promise.all(
        sids.map((sid, i) => store.update(sid, { from: 'later' }, { revision: next[i] })),
      );
      expect(later.map((revision) => revision !== null)).toStrictEqual(sids.map(() => true));
    });
  },
  ['mariadb', 'mysql'],
  { variants: ['mariadb-mariadb-driver'] },
);
