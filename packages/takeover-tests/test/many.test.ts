import { ExpressSessionStore, KnexSessionStore } from '@kss/express';
import { describeDatabases } from '@kss/test-kit';
import type { SessionData, Store } from 'express-session';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expressApp, sidOf } from './express-app.js';
import { PREDECESSORS } from './predecessors.js';

const DAY = 86_400_000;
const MANY = 10_000;
const LATEST = PREDECESSORS.filter(({ title }) => !/ (2|4|9)$/.test(title));

describe.each(LATEST)(`${MANY} sessions of $title`, ({ title, databases, open, takeOver, unit }) => {
  const table = `kss_takeover_many_${title.replace(/\W+/g, '_')}`;

  describeDatabases(
    'taken over',
    ({ name }, knex) => {
      let predecessor: { readonly store: Store; close(): Promise<void> };
      let core: KnexSessionStore;

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

      it('are all there, with their ends, and go back', { timeout: 300_000 }, async () => {
        // Written by the predecessor, through its middleware.
        const old = await expressApp(predecessor.store, DAY);
        const sids: string[] = [];
        await inLanes(MANY, async (n) => {
          const { cookie } = await old.request(`/login/user${n}`);
          sids[n] = sidOf(cookie);
        });
        await old.close();

        expect(await core.count('all')).toBe(MANY);
        const read = await Promise.all(sids.map((sid) => core.load(sid)));
        expect(read.filter((loaded, n) => loaded?.session.user_id === `user${n}`)).toHaveLength(MANY);

        // What the middleware wrote into the cookie is what the predecessor made the row's end of.
        const infos = await core.find('all', { data: true, limit: Number.POSITIVE_INFINITY });
        const rows = (await knex()(table).select()) as Record<string, unknown>[];
        const said = new Map(rows.map((row) => saidBy(row)));
        const apart = infos.map(({ data, expiresAt }) => expiresAt.getTime() - (said.get(String(data?.user_id)) ?? 0));
        // A store that adds what is left to its own clock is late by the time in between.
        expect(Math.max(...apart.map(Math.abs))).toBeLessThanOrEqual(unit + 50);
        expect(new Set(infos.map(({ handle }) => handle)).size).toBe(MANY);

        // Changed by ours, and read by the predecessor.
        const saved: unknown[] = [];
        await inLanes(MANY, async (n) => {
          const loaded = read[n];
          const { revision } = loaded ?? {};
          saved[n] = await core.update(sids[n] ?? '', { ...loaded?.session, n }, { revision });
        });
        expect(saved.filter(Boolean)).toHaveLength(MANY);
        const back: (SessionData | null | undefined)[] = [];
        await inLanes(MANY, async (n) => {
          back[n] = await new Promise((resolve, reject) =>
            predecessor.store.get(sids[n] ?? '', (error, session) => (error ? reject(error) : resolve(session))),
          );
        });
        const whole = back.filter((session, n) => {
          const { user_id: user, n: changed, seen } = (session ?? {}) as unknown as Record<string, unknown>;
          return user === `user${n}` && changed === n && JSON.stringify(seen) === '{"pages":["/"],"ünïcode":"✓"}';
        });
        expect(whole).toHaveLength(MANY);

        // Through the middleware of ours, by the same cookies: a sample, each of them signed by the predecessor's app.
        const ours = await expressApp(new ExpressSessionStore(core), DAY);
        const born: string[] = [];
        await inLanes(500, async (n) => {
          const { cookie } = await ours.request(`/login/later${n}`);
          born[n] = sidOf(cookie);
        });
        await ours.close();
        await inLanes(500, async (n) => {
          const session = await new Promise<unknown>((resolve, reject) =>
            predecessor.store.get(born[n] ?? '', (error, found) => (error ? reject(error) : resolve(found))),
          );
          expect(session).toMatchObject({ user_id: `later${n}` });
        });
        expect(await core.clear()).toBe(MANY + 500);
      });
    },
    databases,
  );
});

/** The user in a row's JSON, and the end that its cookie says. */
function saidBy(row: Record<string, unknown>): [string, number] {
  const stored = row.sess ?? row.data;
  const session = (typeof stored === 'string' ? JSON.parse(stored) : stored) as SessionData & { user_id: string };
  return [session.user_id, new Date(session.cookie.expires ?? 0).getTime()];
}

async function inLanes(count: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}
