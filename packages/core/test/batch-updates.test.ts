import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import createKnex, { type Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KnexSessionStore, type Revision, type StoreOptions } from '../src/index.js';
import { watch } from './watch.js';

const TABLE = 'kss_batch_updates';
const SIZE = 12;
const MYSQL: readonly DatabaseName[] = ['mariadb', 'mysql'];

type Pair = { store: KnexSessionStore; other: KnexSessionStore };

/** Sessions of each kind, and whether an update of theirs reaches a row. */
interface Kind {
  readonly title: string;
  readonly reached: boolean;
  /** Makes the session; resolves to the revision that the update asks for. */
  prepare(pair: Pair, sid: string): Promise<Revision | undefined>;
}

const set = (store: KnexSessionStore, sid: string, maxAge?: number) => store.set(sid, { from: 'before' }, maxAge);

const KINDS: readonly Kind[] = [
  { title: 'live', reached: true, prepare: async ({ other }, sid) => void (await set(other, sid)) },
  { title: 'live, by its revision', reached: true, prepare: ({ store }, sid) => set(store, sid) },
  {
    title: 'loaded, by its revision',
    reached: true,
    async prepare({ store, other }, sid) {
      await set(other, sid);
      return (await store.load(sid))?.revision;
    },
  },
  {
    title: 'touched since by another process',
    reached: true,
    async prepare({ store, other }, sid) {
      const revision = await set(store, sid);
      await other.touch(sid, 5_000_000);
      return revision;
    },
  },
  {
    title: 'written since by another process',
    reached: true,
    async prepare({ store, other }, sid) {
      const revision = await set(store, sid);
      await other.set(sid, { from: 'before', by: 'the other' });
      return revision;
    },
  },
  { title: 'never there', reached: false, prepare: async () => undefined },
  {
    title: 'ended',
    reached: false,
    async prepare({ store, other }, sid) {
      const revision = await set(store, sid);
      await other.destroy(sid);
      return revision;
    },
  },
  { title: 'expired', reached: false, prepare: async ({ store }, sid) => void (await set(store, sid, -1)) },
  { title: 'expired, by its revision', reached: false, prepare: ({ store }, sid) => set(store, sid, -1) },
  {
    title: 'reborn',
    reached: false,
    async prepare({ store, other }, sid) {
      const revision = await set(store, sid);
      await other.destroy(sid);
      await set(other, sid);
      return revision;
    },
  },
  {
    title: 'reborn after it expired',
    reached: false,
    async prepare({ store, other }, sid) {
      const revision = await set(store, sid, -1);
      await set(other, sid);
      return revision;
    },
  },
];

const sidsOf = (kind: Kind) => Array.from({ length: SIZE }, (_, i) => `k${KINDS.indexOf(kind)}-${i}`);

/** How mysql2 counts the rows of an UPDATE is the app's to say. */
function withoutFoundRows({ client }: Knex): Knex {
  const config = client.config as Knex.Config & { connection: object };
  return createKnex({ ...config, connection: { ...config.connection, flags: ['-FOUND_ROWS'] } as object });
}

const onConflicts = ['merge', 'overwrite'] as const;

function suite(open: (knex: () => Knex) => Knex) {
  return ({ label }: { label: string }, knex: () => Knex) => {
    const tableName = `${TABLE}_${label.replace(/\W/g, '_')}`;
    let own: Knex;
    let other: KnexSessionStore;
    const opened: KnexSessionStore[] = [];
    const storeWith = (options: StoreOptions) => {
      const store = new KnexSessionStore(own, { tableName, sync: false, gcInterval: 0, ...options });
      opened.push(store);
      return store;
    };

    beforeAll(async () => {
      await knex().schema.dropTableIfExists(tableName);
      own = open(knex);
      other = new KnexSessionStore(knex(), { tableName, gcInterval: 0 });
      await other.waitForSync();
    });
    beforeEach(async () => {
      await other.clear();
    });
    afterAll(async () => {
      for (const store of opened) await store.close();
      await other.close();
      if (own !== knex()) await own.destroy();
      await knex().schema.dropTableIfExists(tableName);
    });

    const prepared = (store: KnexSessionStore, kind: Kind) =>
      Promise.all(
        sidsOf(kind).map(async (sid) => ({ sid, kind, revision: await kind.prepare({ store, other }, sid) })),
      );

    describe.each(onConflicts)('where one that changed meanwhile is to be handled by %s', (onConflict) => {
      it.each([
        ['all kinds', KINDS],
        ['those that are there', KINDS.filter(({ reached }) => reached)],
        ['those that are there, without their revisions', KINDS.slice(0, 1)],
        ['those whose revision is known', KINDS.slice(1, 4)],
        ['those that are not there', KINDS.filter(({ reached }) => !reached)],
      ])('tells which sessions it reached, of %s together', async (_, kinds) => {
        const store = storeWith({ onConflict });
        const sessions = (await Promise.all(kinds.map((kind) => prepared(store, kind)))).flat();
        const before = await Promise.all(sessions.map(({ sid }) => other.get(sid)));
        const seen = watch(own);
        const next = await Promise.all(
          sessions.map(({ sid, revision }) => store.update(sid, { from: 'here' }, { revision })),
        );
        seen.stop();
        const changed = kinds.some(({ title }) => title.startsWith('written') || title.startsWith('reborn'));
        if (onConflict === 'overwrite' || !changed) expect(seen.sent.length).toBeLessThanOrEqual(4);

        const told = sessions.map(({ kind }, i) => [kind.title, next[i] !== null]);
        expect(told).toStrictEqual(sessions.map(({ kind }) => [kind.title, kind.reached]));
        const stored = await Promise.all(sessions.map(({ sid }) => other.get(sid)));
        const merged = (kind: Kind) => onConflict === 'merge' && kind.title.startsWith('written');
        expect(stored).toStrictEqual(
          sessions.map(({ kind }, i) => {
            if (!kind.reached) return before[i];
            return merged(kind) ? { from: 'here', by: 'the other' } : { from: 'here' };
          }),
        );

        // What it gave serves the next update, and stands in the row.
        const again = sessions.filter(({ kind }) => kind.reached && !merged(kind));
        const third = await Promise.all(
          again.map((session) =>
            store.update(session.sid, { from: 'later' }, { revision: next[sessions.indexOf(session)] ?? undefined }),
          ),
        );
        expect(third.every((revision) => revision !== null)).toBe(true);
        for (const { sid } of again.slice(0, 3)) expect(await other.get(sid)).toStrictEqual({ from: 'later' });
      });
    });

    it('says so where another process has the session, and the update is to be refused', async () => {
      const store = storeWith({ onConflict: 'reject' });
      const written = KINDS.find(({ title }) => title.startsWith('written')) as Kind;
      const live = KINDS.find(({ title }) => title.startsWith('loaded')) as Kind;
      const sessions = [...(await prepared(store, written)), ...(await prepared(store, live))];
      const results = await Promise.allSettled(
        sessions.map(({ sid, revision }) => store.update(sid, { from: 'here' }, { revision })),
      );
      expect(results.map((result) => (result.status === 'rejected' ? result.reason.code : 'done'))).toStrictEqual(
        sessions.map(({ kind }) => (kind === written ? 'CONFLICT' : 'done')),
      );
    });

    it('gives a revision of a set that serves an update, whatever was there', async () => {
      const store = storeWith({ onConflict: 'overwrite' });
      const kinds = KINDS.filter(({ title }) => !title.startsWith('reborn'));
      const sessions = (await Promise.all(kinds.map((kind) => prepared(store, kind)))).flat();
      const revisions = await Promise.all(sessions.map(({ sid }) => store.set(sid, { from: 'set' })));
      const next = await Promise.all(
        sessions.map(({ sid }, i) => store.update(sid, { from: 'update' }, { revision: revisions[i] })),
      );
      expect(sessions.filter((_, i) => next[i] === null).map(({ kind }) => kind.title)).toStrictEqual([]);
      expect(await store.count('all')).toBe(sessions.length);
    });

    it('knows the same of touches', async () => {
      const store = storeWith({});
      const sessions = (await Promise.all(KINDS.map((kind) => prepared(store, kind)))).flat();
      const there = await Promise.all(sessions.map(({ sid }) => other.get(sid)));
      const touched = await Promise.all(sessions.map(({ sid }) => store.touch(sid, 10_000_000)));
      expect(touched).toStrictEqual(there.map((session) => session !== null));
      // The same expiry once more changes nothing, and is told from a session that is gone.
      const cookie = { expires: new Date(Date.now() + 20_000_000) };
      const set = sessions.slice(0, 20).map(({ sid }) => store.set(sid, { cookie }));
      await Promise.all(set);
      const expireAt = cookie.expires.getTime();
      const now = Date.now();
      const same = await Promise.all(
        [...sessions.slice(0, 20).map(({ sid }) => sid), 'none'].map((sid) => store.touch(sid, expireAt - now)),
      );
      expect(same).toStrictEqual([...Array(20).fill(true), false]);
    });
  };
}

describeDatabases(
  'an update in a batch',
  suite((knex) => knex()),
);
describeDatabases(
  'an update in a batch without FOUND_ROWS',
  suite((knex) => withoutFoundRows(knex())),
  MYSQL,
  { variants: [] },
);
