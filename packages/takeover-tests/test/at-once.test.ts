import { backfill, ExpressSessionStore, KnexSessionStore, verifySessionTable } from '@kss/express';
import { describeDatabases } from '@kss/test-kit';
import type { Store } from 'express-session';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type App, expressApp, sidOf } from './express-app.js';
import { PREDECESSORS } from './predecessors.js';

const HOUR = 3_600_000;
const SCHEMAS = [
  { name: 'user_id', type: 'string', args: [100], index: true },
  { name: 'visits', type: 'integer' },
] as const;

describe.each(PREDECESSORS)('$title and ours at once', ({ title, databases, open, takeOver, expiry, unit }) => {
  const table = `kss_takeover_once_${title.replace(/\W+/g, '_')}`;

  describeDatabases(
    'on one table',
    ({ name }, knex) => {
      let predecessor: { readonly store: Store; close(): Promise<void> };
      let core: KnexSessionStore;
      let old: App;
      let ours: App;

      beforeAll(async () => {
        await knex().schema.dropTableIfExists(table);
        predecessor = await open(name, knex(), table);
        core = new KnexSessionStore(...takeOver(knex(), table));
        await core.waitForSync();
        old = await expressApp(predecessor.store, HOUR);
        ours = await expressApp(new ExpressSessionStore(core), HOUR);
      });
      beforeEach(() => knex()(table).delete());
      afterAll(async () => {
        await old?.close();
        await ours?.close();
        await core?.close();
        await predecessor?.close();
        await knex().schema.dropTableIfExists(table);
      });

      it('each reads what the other wrote, in every order of three', async () => {
        const steps = [
          ['old', 'set'],
          ['ours', 'set'],
          ['old', 'me'],
          ['ours', 'me'],
        ] as const;
        const orders = steps.flatMap((a) => steps.flatMap((b) => steps.map((c) => [a, b, c])));
        for (const [at, order] of orders.entries()) {
          const apps = { old, ours };
          const { cookie } = await apps[at % 2 === 0 ? 'old' : 'ours'].request('/login/ada');
          const expected: Record<string, string> = { user_id: 'ada' };
          for (const [i, [who, verb]] of order.entries()) {
            if (verb === 'set') expected.last = `${who}${i}`;
            const path = verb === 'set' ? `/set/last/${who}${i}` : '/me';
            expect((await apps[who].request(path, cookie)).session, order.join()).toMatchObject(expected);
          }
          for (const who of ['old', 'ours'] as const) {
            expect((await apps[who].request('/me', cookie)).session, `${who} after ${order.join()}`).toMatchObject(
              expected,
            );
          }
        }
        expect(await core.count('all')).toBe(orders.length);
      });

      it('a change that it makes between a load and a save of ours is merged', async () => {
        const { cookie } = await old.request('/login/ada');
        const sid = sidOf(cookie);
        for (const attempt of ['first', 'second']) {
          const loaded = await core.load(sid);
          if (loaded === null) throw new Error('It was not found.');
          await old.request(`/set/theirs/${attempt}`, cookie);
          const { revision } = loaded;
          const saved = await core.update(sid, { ...loaded.session, mine: attempt }, { revision });
          expect(saved).not.toBeNull();
          expect(await core.get(sid)).toMatchObject({ user_id: 'ada', theirs: attempt, mine: attempt });
        }
      });

      it('what was saved by ours is saved on, again and again, by one who loaded it', async () => {
        const { cookie } = await ours.request('/login/ada');
        const sid = sidOf(cookie);
        const loaded = await core.load(sid);
        let revision = loaded?.revision;
        for (let n = 0; n < 3 && revision !== undefined; n++) {
          revision = (await core.update(sid, { ...loaded?.session, n }, { revision })) ?? undefined;
          expect(await core.get(sid)).toMatchObject({ user_id: 'ada', n });
        }
        expect(revision).toBeDefined();
        const set = await core.set(sid, { ...loaded?.session, n: 'set' });
        expect(await core.update(sid, { ...loaded?.session, n: 'after' }, { revision: set })).not.toBeNull();
        expect(await core.get(sid)).toMatchObject({ n: 'after' });
      });

      it('whom it ends is out, whatever was loaded before', async () => {
        const { cookie } = await old.request('/login/ada');
        const sid = sidOf(cookie);
        const loaded = await core.load(sid);
        if (loaded === null) throw new Error('It was not found.');
        await old.request('/logout', cookie);
        expect(await core.update(sid, { ...loaded.session, late: true }, { revision: loaded.revision })).toBeNull();
        expect(await core.touch(sid, HOUR)).toBe(false);
        expect(await core.touch(sid, HOUR, { path: '/x' })).toBe(false);
        expect(await knex()(table).select()).toEqual([]);
      });

      it('of many who change one session at once, none is lost', async () => {
        const { cookie } = await old.request('/login/ada');
        const sid = sidOf(cookie);
        const other = new KnexSessionStore(...takeOver(knex(), table));
        try {
          const add = async (store: KnexSessionStore, key: string) => {
            const loaded = await store.load(sid);
            if (loaded === null) throw new Error('It was not found.');
            await store.update(sid, { ...loaded.session, [key]: key }, { revision: loaded.revision });
          };
          const keys = Array.from({ length: 12 }, (_, i) => `key${i}`);
          for (let i = 0; i < keys.length; i += 2) {
            await Promise.all([add(core, keys[i] ?? ''), add(other, keys[i + 1] ?? '')]);
          }
          expect((await old.request('/me', cookie)).session).toMatchObject(
            Object.fromEntries(keys.map((key) => [key, key])),
          );
        } finally {
          await other.close();
        }
      });

      it('agree on who still lives, to the last', { timeout: 60_000 }, async () => {
        const { cookie } = await old.request('/login/ada');
        const sid = sidOf(cookie);
        await core.touch(sid, 2500);
        const alive = () =>
          new Promise<boolean>((resolve, reject) =>
            predecessor.store.get(sid, (error, session) =>
              error ? reject(error) : resolve((session ?? null) !== null),
            ),
          );
        let before = true;
        for (const from = Date.now(); before; ) {
          before = await alive();
          const mine = (await core.get(sid)) !== null;
          const after = await alive();
          if (before === after) expect([mine, Date.now() - from]).toEqual([before, expect.any(Number)]);
          if (Date.now() - from > 8000) throw new Error('It never ends.');
        }
        expect(await core.get(sid)).toBeNull();
        expect(await core.count('all')).toBe(0);
        await new Promise((resolve) => setTimeout(resolve, unit));
        expect(await core.gc()).toBe(1);
        expect(await knex()(table).select(expiry)).toEqual([]);
      });

      describe('schema columns', () => {
        it('are added by the statement that is given, and filled; the JSON stays whole, and it counts', async () => {
          const [app, options] = takeOver(knex(), table, { schemas: SCHEMAS, sync: true });
          const missing = await verifySessionTable(app ?? knex(), options);
          expect(missing.filter(({ usable }) => !usable).map(({ kind, column }) => [kind, column])).toEqual([
            ['missing', 'user_id'],
            ['missing', 'visits'],
          ]);
          await expect(
            new KnexSessionStore(app, { ...options, onError: () => {} }).waitForSync(),
          ).rejects.toMatchObject({
            code: 'TABLE_MISMATCH',
            message: expect.stringContaining('add'),
          });
          const { cookie } = await old.request('/login/ada');
          await old.request('/login/bob');
          for (const { sql, usable } of missing) for (const text of usable ? [] : sql) await knex().raw(text);
          const wide = new KnexSessionStore(app, options);
          await wide.waitForSync();
          expect(await wide.count({ user_id: 'ada' })).toBe(0);
          expect(await backfill(wide)).toMatchObject({ seen: 2, filled: 2, failed: 0, missed: 0 });
          expect(await backfill(wide)).toMatchObject({ seen: 2, filled: 0 });
          expect(await wide.count({ user_id: 'ada' })).toBe(1);

          // Of an instance that does not know the column: found again after the next run, or the next save of ours.
          const late = await old.request('/set/user_id/eve', cookie);
          expect(late.session.user_id).toBe('eve');
          expect(await wide.get(sidOf(cookie))).toMatchObject({ user_id: 'eve' });
          expect(await backfill(wide)).toMatchObject({ filled: 1 });
          expect(await wide.find({ user_id: 'eve' })).toHaveLength(1);

          const app2 = await expressApp(new ExpressSessionStore(wide), HOUR);
          try {
            await app2.request('/set/user_id/mallory', cookie);
            expect((await old.request('/me', cookie)).session).toMatchObject({ user_id: 'mallory' });
            expect(await wide.destroyWhere({ user_id: 'mallory' })).toBe(1);
            expect((await old.request('/me', cookie)).session).not.toHaveProperty('user_id');

            // With split the columns hold their keys alone, and what was saved before is read all the same.
            const bob = await wide.find({ user_id: 'bob' }, { data: true });
            expect(bob[0]?.data).toMatchObject({ user_id: 'bob' });
            const [, parts] = takeOver(knex(), table, { schemas: SCHEMAS, split: true });
            const split = new KnexSessionStore(app, parts);
            try {
              expect((await split.find({ user_id: 'bob' }, { data: true }))[0]?.data).toMatchObject({ user_id: 'bob' });
              await split.set('new', { user_id: 'zoe', cookie: { originalMaxAge: null, expires: null } });
              expect(await split.get('new')).toMatchObject({ user_id: 'zoe' });
              expect(await core.get('new')).toEqual({ cookie: { originalMaxAge: null, expires: null } });
              expect(await split.count({ user_id: 'zoe' })).toBe(1);
            } finally {
              await split.close();
            }
          } finally {
            await app2.close();
            await wide.close();
          }
        });
      });
    },
    databases,
  );
});
