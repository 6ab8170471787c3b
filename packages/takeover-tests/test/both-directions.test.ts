import { ExpressSessionStore, KnexSessionStore } from '@kss/express';
import { describeDatabases } from '@kss/test-kit';
import type { Store } from 'express-session';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type App, expressApp, sidOf } from './express-app.js';
import { PREDECESSORS } from './predecessors.js';

const HOUR = 3_600_000;

describe.each(PREDECESSORS)('$title', ({ title, databases, expiry, unit, open, takeOver }) => {
  const table = `kss_takeover_both_${title.replace(/\W+/g, '_')}`;

  describeDatabases(
    'its sessions',
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

      const directions: readonly [string, () => [App, App]][] = [
        ['from it to ours', () => [old, ours]],
        ['from ours to it', () => [ours, old]],
      ];

      describe.each(directions)('%s', (_, apps) => {
        it('are read by the same cookie, whole', async () => {
          const [from, to] = apps();
          const { cookie, session } = await from.request('/login/ada');
          const read = await to.request('/me', cookie);
          expect(read.cookie).toBe(cookie);
          expect({ ...read.session, cookie: null }).toEqual({ ...session, cookie: null });
          expect(read.session).toMatchObject({ user_id: 'ada', seen: { pages: ['/'], ünïcode: '✓' } });
        });

        it('are changed, and changed back', async () => {
          const [from, to] = apps();
          const { cookie } = await from.request('/login/ada');
          await to.request('/set/theme/dark', cookie);
          expect((await from.request('/me', cookie)).session).toMatchObject({ user_id: 'ada', theme: 'dark' });
          await from.request('/set/theme/light', cookie);
          await to.request('/set/font/large', cookie);
          for (const app of apps()) {
            expect((await app.request('/me', cookie)).session).toMatchObject({ theme: 'light', font: 'large' });
          }
        });

        it('live on where they are used', async () => {
          const [from, to] = apps();
          const { cookie } = await from.request('/login/ada');
          await shorten(knex, table, expiry);
          const before = await endOf(core);
          expect(before).toBeLessThan(Date.now() + HOUR / 2);
          await to.request('/me', cookie);
          expect(Math.abs((await endOf(core)) - Date.now() - HOUR)).toBeLessThan(unit + 1000);
          expect((await from.request('/me', cookie)).session).toMatchObject({ user_id: 'ada' });
        });

        it('end', async () => {
          const [from, to] = apps();
          const { cookie } = await from.request('/login/ada');
          await to.request('/logout', cookie);
          expect((await from.request('/me', cookie)).session).not.toHaveProperty('user_id');
          expect(await knex()(table).select()).toEqual([]);
        });
      });

      it('have the same end in the same column, whoever saves them', async () => {
        const { cookie } = await old.request('/login/ada');
        const read = () => knex()(table).select(expiry).first() as Promise<Record<string, unknown>>;
        const loaded = await core.load(sidOf(cookie));
        const cookieOf = loaded?.session.cookie as { expires: string };
        const expires = new Date(cookieOf.expires);
        const session = {
          cookie: { expires, originalMaxAge: HOUR, maxAge: expires.getTime() - Date.now() },
          user_id: 'ada',
        };
        await new Promise<void>((resolve, reject) =>
          predecessor.store.set(sidOf(cookie), session as never, (error) => (error ? reject(error) : resolve())),
        );
        const theirs = await read();
        await core.set(sidOf(cookie), { cookie: { expires: expires.toISOString() }, user_id: 'ada' });
        const apart = Math.abs(milliseconds(await read()) - milliseconds(theirs));
        // What takes the time that is left adds it to a clock that has moved since.
        const moved = title.startsWith('connect-session-knex') ? (['sqlite', 'postgres'].includes(name) ? 5 : unit) : 0;
        expect(apart).toBeLessThanOrEqual(moved);
      });

      it('are found, counted and ended by ours', async () => {
        await old.request('/login/ada');
        const { cookie } = await old.request('/login/bob');
        expect(await core.count('all')).toBe(2);
        const [first] = await core.find('all', { data: true, current: sidOf(cookie) });
        expect(first?.expiresAt.getTime()).toBeGreaterThan(Date.now() + HOUR - 5000);
        expect(first?.expiresAt.getTime()).toBeLessThan(Date.now() + HOUR + 5000);
        expect(await core.clear()).toBe(2);
        expect((await old.request('/me', cookie)).session).not.toHaveProperty('user_id');
      });
    },
    databases,
  );
});

type Knex = Parameters<Parameters<typeof describeDatabases>[1]>[1];

/** When the one session ends. */
async function endOf(core: KnexSessionStore): Promise<number> {
  const [info] = await core.find('all');
  return info?.expiresAt.getTime() ?? Number.NaN;
}

/** Brings the end of the one session to a quarter of an hour from now, in the form that is in its column. */
async function shorten(knex: Knex, table: string, expiry: string): Promise<void> {
  const { client } = knex();
  const dialect = (client as { dialect: string }).dialect;
  const at = Date.now() + HOUR / 4;
  const utc = new Date(at).toISOString();
  const first = (await knex()(table).select(expiry).first()) as Record<string, unknown>;
  const value =
    typeof first[expiry] === 'number' ? Math.round(at / 1000) : dialect === 'mysql' ? utc.slice(0, 19) : utc;
  const written = dialect === 'postgresql' ? knex().raw('?::timestamptz', [utc]) : value;
  await knex()(table).update({ [expiry]: written });
}

/** A column's value, as something to subtract. */
function milliseconds(row: Record<string, unknown>): number {
  const [value] = Object.values(row);
  if (value instanceof Date) return value.getTime();
  return typeof value === 'number' ? value * 1000 : Date.parse(String(value));
}
