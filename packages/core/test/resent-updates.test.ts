import { describeDatabases, startProxy, type TcpProxy } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KnexSessionStore, type Revision, type StoreOptions } from '../src/index.js';
import { failure } from './failure.js';

const FORMS = [
  { form: 'a table of ours', table: 'kss_resent', layout: undefined },
  { form: 'a table without revisions', table: 'kss_resent_plain', layout: 'knex-schema-session-store' as const },
];

const schemas = [{ name: 'user_id', type: 'string', args: [40] }] as const;
type Store = KnexSessionStore<typeof schemas>;

/** A connection breaks in the middle of a save, so that the save is sent again, and another process saves between the two. */
describe.each(FORMS)('a save that is sent again, in $form', ({ table, layout }) => {
  describeDatabases(
    'after its answer was lost',
    (database, direct) => {
      let proxy: TcpProxy;
      let knex: Knex;
      let other: Store;
      const stores: Store[] = [];
      const form = { tableName: table, schemas, gcInterval: 0, ...(layout !== undefined && { layout }) };

      beforeAll(async () => {
        await direct().schema.dropTableIfExists(table);
        if (database.server === undefined) throw new Error('This suite is for servers.');
        proxy = await startProxy(database.server);
        other = new KnexSessionStore(direct(), form);
        await other.waitForSync();
      });
      beforeEach(async () => {
        await other.clear();
        knex = database.open({ port: proxy.port, pool: { min: 0, max: 10 } });
        knex.client.logger = { warn() {}, error() {}, debug() {}, deprecate() {} };
      });
      afterEach(async () => {
        proxy.resume();
        for (const store of stores.splice(0)) await store.close();
        await knex.destroy();
      });
      afterAll(async () => {
        await other.close();
        await proxy.stop();
        await direct().schema.dropTableIfExists(table);
      });

      const open = async (options: Pick<StoreOptions, 'onConflict'> = {}) => {
        const store = new KnexSessionStore(knex, { ...form, sync: false, batch: {}, onError() {}, ...options });
        stores.push(store);
        // What a connection keeps of a statement takes an answer more, the first time.
        for (let n = 0; n < 3; n++) {
          await store.set('kept', { n });
          await store.update('kept', { n }, { revision: await loaded(store, 'kept') });
        }
        return store;
      };
      const loaded = async (store: Store, sid: string): Promise<Revision> => {
        const found = await store.load(sid);
        if (found === null) throw new Error('It was not there.');
        return found.revision;
      };
      /** What another request makes of the session that it finds. */
      const overtake = async (sid: string, changes: object) => {
        const found = await other.load(sid);
        await other.update(sid, { ...found?.session, ...changes }, { revision: found?.revision });
      };
      /** The answers to a call are lost until something was done meanwhile. */
      const losing = async <T>(
        call: () => Promise<T>,
        meanwhile: () => Promise<void>,
      ): Promise<PromiseSettledResult<T>> => {
        proxy.stall();
        const called = Promise.allSettled([call()]);
        await expect.poll(() => proxy.broken, { timeout: 10_000 }).toBeGreaterThan(0);
        await meanwhile();
        proxy.resume();
        proxy.cut();
        const [outcome] = await called;
        return outcome;
      };
      /** {@link losing} from the first answer on that is a row. */
      const losingAfterRead = async <T>(call: () => Promise<T>, meanwhile: () => Promise<void>) => {
        let reads = 0;
        const stall = (_: unknown, { sql }: { sql: string }) => {
          if (/^select/.test(sql) && reads++ === 0) proxy.stall();
        };
        knex.on('query-response', stall);
        const called = Promise.allSettled([call()]);
        await expect.poll(() => proxy.broken, { timeout: 10_000 }).toBeGreaterThan(0);
        await meanwhile();
        knex.removeListener('query-response', stall);
        proxy.resume();
        proxy.cut();
        const [outcome] = await called;
        return outcome;
      };
      const has = (sid: string, session: object) =>
        expect.poll(() => other.get(sid), { timeout: 10_000 }).toMatchObject(session);
      const unknown = { status: 'rejected', reason: failure('DATABASE', 'is unknown', 'Load') };

      it.each(['merge', 'reject'] as const)(
        'is not done twice over the save of another (%s): its caller hears that nobody knows',
        async (onConflict) => {
          await other.set('a', { count: 0, by: 'nobody' });
          const store = await open({ onConflict });
          const revision = await loaded(store, 'a');
          const outcome = await losing(
            () => store.update('a', { count: 1, by: 'nobody' }, { revision }),
            async () => {
              await has('a', { count: 1 });
              await overtake('a', { count: 2, by: 'the other' });
            },
          );
          expect(outcome).toMatchObject(unknown);
          expect((outcome as PromiseRejectedResult).reason.cause).toBeInstanceOf(Error);
          expect(await other.get('a')).toStrictEqual({ count: 2, by: 'the other' });
          await overtake('a', { next: 1 });
          expect(await store.update('a', { count: 3 }, { revision: await loaded(store, 'a') })).not.toBeNull();
        },
      );

      it.runIf(layout === undefined)('that is one of many fails alone', async () => {
        const sids = Array.from({ length: 12 }, (_, i) => `many-${i}`);
        for (const sid of sids) await other.set(sid, { count: 0 });
        const store = await open();
        const revisions = await Promise.all(sids.map((sid) => loaded(store, sid)));
        const outcome = await losing(
          () => Promise.allSettled(sids.map((sid, i) => store.update(sid, { count: 1 }, { revision: revisions[i] }))),
          async () => {
            for (const sid of sids) await has(sid, { count: 1 });
            await overtake('many-3', { count: 2 });
            await other.destroy('many-4');
          },
        );
        const told = (outcome as PromiseFulfilledResult<PromiseSettledResult<Revision | null>[]>).value;
        expect(told[3]).toMatchObject(unknown);
        expect(told[4]).toStrictEqual({ status: 'fulfilled', value: null });
        expect(told.filter((one) => one.status === 'fulfilled' && one.value !== null)).toHaveLength(10);
        const stored = await Promise.all(sids.map((sid) => other.get(sid)));
        expect(stored).toStrictEqual(sids.map((_, i) => (i === 4 ? null : { count: i === 3 ? 2 : 1 })));
      });

      it('is not done twice over what another saved in a column alone', async () => {
        await other.set('a', { count: 0, user_id: 'nobody' });
        const store = await open();
        const revision = await loaded(store, 'a');
        const outcome = await losing(
          () => store.update('a', { count: 1, user_id: 'ada' }, { revision }),
          async () => {
            await has('a', { count: 1 });
            await overtake('a', { user_id: 'bob' });
          },
        );
        expect(outcome).toMatchObject(unknown);
        expect(await other.get('a')).toStrictEqual({ count: 1, user_id: 'bob' });
      });

      it('counts as done where its own write stands there', async () => {
        await other.set('a', { count: 0 });
        const store = await open();
        const revision = await loaded(store, 'a');
        const outcome = await losing(
          () => store.update('a', { count: 1, user_id: 'ada' }, { revision }),
          () => has('a', { count: 1 }),
        );
        expect(outcome).toMatchObject({ status: 'fulfilled', value: expect.anything() });
        const next = (outcome as PromiseFulfilledResult<Revision>).value;
        expect(await store.update('a', { count: 2 }, { revision: next })).not.toBeNull();
        expect(await other.get('a')).toStrictEqual({ count: 2 });
      });

      it.each(['merge', 'reject'] as const)(
        'goes on where the row is as the request itself had left it (%s)',
        async (onConflict) => {
          await other.set('a', { count: 0 });
          const store = await open({ onConflict });
          const revision = await loaded(store, 'a');
          await store.update('a', { count: 1 }, { revision });
          const outcome = await losing(
            () => store.update('a', { count: 2 }, { revision }),
            async () => {},
          );
          expect(outcome).toMatchObject({ status: 'fulfilled', value: expect.anything() });
          expect(await other.get('a')).toStrictEqual({ count: 2 });
        },
      );

      it('goes on where it was a merge before, of which the first statement reaches nothing', async () => {
        await other.set('a', { count: 0 });
        const store = await open();
        const revision = await loaded(store, 'a');
        await overtake('a', { theirs: 1 });
        const merged = await store.update('a', { count: 1 }, { revision });
        const outcome = await losing(
          () => store.update('a', { count: 2 }, { revision: merged ?? undefined }),
          () => overtake('a', { theirs: 2 }),
        );
        expect(outcome).toMatchObject({ status: 'fulfilled', value: expect.anything() });
        expect(await other.get('a')).toStrictEqual({ count: 2, theirs: 2 });
      });

      it('is not merged twice, either, where the merge was lost', async () => {
        await other.set('a', { count: 0 });
        const store = await open();
        const revision = await loaded(store, 'a');
        await overtake('a', { theirs: 1 });
        const outcome = await losingAfterRead(
          () => store.update('a', { count: 1 }, { revision }),
          async () => {
            await has('a', { count: 1, theirs: 1 });
            await overtake('a', { count: 5 });
          },
        );
        expect(outcome).toMatchObject(unknown);
        expect(await other.get('a')).toStrictEqual({ count: 5, theirs: 1 });
      });

      it('and the merge counts as done where it stands there', async () => {
        await other.set('a', { count: 0 });
        const store = await open();
        const revision = await loaded(store, 'a');
        await overtake('a', { theirs: 1 });
        const outcome = await losingAfterRead(
          () => store.update('a', { count: 1 }, { revision }),
          () => has('a', { count: 1, theirs: 1 }),
        );
        expect(outcome).toMatchObject({ status: 'fulfilled', value: expect.anything() });
        expect(await other.get('a')).toStrictEqual({ count: 1, theirs: 1 });
      });
    },
    ['postgres', 'mariadb', 'mysql'],
    { variants: ['mariadb-mariadb-driver'] },
  );
});
