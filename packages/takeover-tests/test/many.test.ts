import { ExpressSessionStore, KnexSessionStore } from '@kss/express';
import { describeDatabases } from '@kss/test-kit';
import type { SessionData, Store } from 'express-session';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endsIn, greatest, handleOf, howMany, inLanes, note } from './carried.js';
import { expressApp, sidOf } from './express-app.js';
import { PREDECESSORS } from './predecessors.js';

const DAY = 86_400_000;
const SEEN = { pages: ['/'], ünïcode: '✓' };
const MOVES = PREDECESSORS.map((one) => ({ ...one, many: howMany(one.newest) }));

describe.each(MOVES)(
  '$many sessions of $title',
  ({ title, version, databases, open, takeOver, unit, many, ...columns }) => {
    const table = `kss_takeover_many_${title.replace(/\W+/g, '_')}`;

    describeDatabases(
      'taken over',
      ({ name, label }, knex) => {
        let predecessor: { readonly store: Store; close(): Promise<void> };
        let core: KnexSessionStore;
        const ends = () => endsIn(knex(), name, table, { sid: columns.sid, expiry: columns.expiry, as: columns.as });
        const readByIt = (sid: string) =>
          new Promise<Record<string, unknown>>((resolve, reject) =>
            predecessor.store.get(sid, (error, session) =>
              error ? reject(error) : resolve({ ...(session as SessionData | null) }),
            ),
          );

        beforeAll(async () => {
          await knex().schema.dropTableIfExists(table);
          predecessor = await open(name, knex(), table);
          core = new KnexSessionStore(...takeOver(knex(), table));
          await core.waitForSync();
        });
        afterAll(async () => {
          await core?.close();
          await predecessor?.close();
          await knex().schema.dropTableIfExists(table);
        });

        it('are all there, with their ends, and go back', { timeout: 300_000 }, async ({ task }) => {
          // Written by the predecessor, through its middleware.
          const old = await expressApp(predecessor.store, DAY);
          const sids: string[] = [];
          await inLanes(many, async (n) => {
            const { cookie } = await old.request(`/login/user${n}`);
            sids[n] = sidOf(cookie);
          });
          await old.close();

          expect(await core.count('all')).toBe(many);
          const read = await Promise.all(sids.map((sid) => core.load(sid)));
          const toOurs = read.filter(
            (loaded, n) =>
              loaded?.session.user_id === `user${n}` && JSON.stringify(loaded.session.seen) === JSON.stringify(SEEN),
          );

          const before = await ends();
          const infos = await core.find('all', { limit: Number.POSITIVE_INFINITY });
          expect(new Set(infos.map(({ handle }) => handle)).size).toBe(many);
          const told = new Map(infos.map(({ handle, expiresAt }) => [handle, expiresAt.getTime()]));
          const endRead = greatest(
            sids.map((sid) => Math.abs((before.get(sid) ?? Number.NaN) - (told.get(handleOf(sid)) ?? Number.NaN))),
          );
          // What the middleware wrote into the cookie is what the predecessor made the row's end of; a store that adds what is
          // left to its own clock is late by the time in between.
          const rows = (await knex()(table).select()) as Record<string, unknown>[];
          const apart = rows.map((row) => saidBy(row) - (before.get(String(row[columns.sid])) ?? Number.NaN));
          expect(greatest(apart.map(Math.abs))).toBeLessThanOrEqual(unit + 50);

          // Changed by ours, and read by the predecessor.
          const saved: unknown[] = [];
          await inLanes(many, async (n) => {
            const loaded = read[n];
            saved[n] = await core.update(sids[n] ?? '', { ...loaded?.session, n }, { revision: loaded?.revision });
          });
          expect(saved.filter(Boolean)).toHaveLength(many);
          const after = await ends();
          const endWritten = greatest(
            sids.map((sid) => Math.abs((before.get(sid) ?? Number.NaN) - (after.get(sid) ?? Number.NaN))),
          );
          let back = 0;
          await inLanes(many, async (n) => {
            const { user_id: user, n: changed, seen } = await readByIt(sids[n] ?? '');
            if (user === `user${n}` && changed === n && JSON.stringify(seen) === JSON.stringify(SEEN)) back += 1;
          });
          note(task, {
            ...{ predecessor: title.replace(/ \d+$/, ''), version, database: label, sessions: many },
            ...{ toOurs: toOurs.length, back, endRead, endWritten },
          });
          expect({ toOurs: toOurs.length, back }).toEqual({ toOurs: many, back: many });
          // What it kept is what ours says, and what ours leaves: in whole units, and so to the millisecond.
          expect({ endRead, endWritten }).toEqual({ endRead: 0, endWritten: 0 });

          // Born in ours, and signed by the same secret: a sample, through the middleware.
          const ours = await expressApp(new ExpressSessionStore(core), DAY);
          const born: string[] = [];
          const from = Date.now();
          await inLanes(many / 20, async (n) => {
            const { cookie } = await ours.request(`/login/later${n}`);
            born[n] = sidOf(cookie);
          });
          const to = Date.now();
          await ours.close();
          const kept = await ends();
          await inLanes(born.length, async (n) => {
            const sid = born[n] ?? '';
            expect(await readByIt(sid)).toMatchObject({ user_id: `later${n}` });
            expect(kept.get(sid)).toBeGreaterThan(from + DAY - unit);
            expect(kept.get(sid)).toBeLessThan(to + DAY + unit);
          });
          expect(await core.clear()).toBe(many + born.length);
        });
      },
      databases,
    );
  },
);

/** The end that the cookie in a row's JSON says. */
function saidBy(row: Record<string, unknown>): number {
  const stored = row.sess ?? row.data;
  const { cookie } = (typeof stored === 'string' ? JSON.parse(stored) : stored) as SessionData;
  return new Date(cookie.expires ?? Number.NaN).getTime();
}
