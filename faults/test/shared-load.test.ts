import { KnexSessionStore } from '@kss/core';
import type { Knex } from 'knex';
import { expect, it } from 'vitest';
import { describeWhere } from '../src/describe.js';
import { random, SEED } from '../src/random.js';
import { SharedLoad } from '../src/shared-load.js';
import { sqliteDrivers } from '../src/sqlite.js';
import { until } from '../src/until.js';

const OLDER = { born: true };
const ROW = { sid: 's-0', additional: expect.stringContaining('worker0') };

for (const { label, absent, open } of sqliteDrivers.filter((driver) => driver.label === 'sqlite')) {
  describeWhere('a load on shared sessions', label, absent, () => {
    it('finds a read that does not show what was saved, keeps the evidence, and goes on expecting it', async () => {
      const { load, wrong } = await ofOneWorker(open(':memory:'), (loads) => loads === 8);
      expect(load.counts).toMatchObject({ stale: 1, missed: 0, errors: {} });
      expect(load.staleReads).toMatchObject([
        { sid: 's-0', worker: 0, read: 0, session: OLDER, failures: [], looks: [{ found: [ROW] }, { found: [ROW] }] },
      ]);
      const [{ acknowledged = 0, calls = [] } = {}] = load.staleReads;
      expect(acknowledged).toBeGreaterThan(0);
      expect(calls).toContainEqual(expect.objectContaining({ verb: `update to ${acknowledged}`, outcome: 'done' }));
      expect(calls.at(-1)).toMatchObject({ verb: 'load', outcome: JSON.stringify(OLDER) });
      expect([...load.lost]).toEqual([`s-0/0/${acknowledged}`]);
      expect(wrong).toEqual([]); // the next save had the number again
    });

    it('counts a save once that neither reads nor the table show', async () => {
      const { load, wrong } = await ofOneWorker(open(':memory:'), (loads) => loads >= 8);
      expect(load.counts.stale).toBe(1);
      expect(load.counts.errors.DATABASE).toBeGreaterThan(1);
      expect(load.staleReads[0]?.failures).toEqual([]);
      expect(wrong).toEqual([expect.stringMatching(/^s-0: worker 0 saved \d+, and 0 is there$/)]);
      expect(load.lost.size).toBe(1);
    });
  });
}

/**
 * A load of one worker on one session, through a store that shows an older session in some of its reads, and saves nothing for as
 * long as it goes on to do so.
 */
async function ofOneWorker(knex: Knex, showsOlder: (loads: number) => boolean) {
  const store = new KnexSessionStore(knex, { gcInterval: 0 });
  let loads = 0;
  const older = new Proxy(store, {
    get(target, name) {
      if (name === 'load')
        return async (sid: string) => {
          const loaded = await target.load(sid);
          if (sid !== 's-0' || loaded === null) return loaded;
          loads += 1;
          return showsOlder(loads) ? { ...loaded, session: OLDER } : loaded;
        };
      if (showsOlder(loads) && showsOlder(loads + 1)) {
        if (name === 'get') return async (sid: string) => (sid === 's-0' ? OLDER : null);
        if (name === 'update')
          return async () => Promise.reject(Object.assign(new Error(), { name: 'KssError', code: 'DATABASE' }));
      }
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  const options = { stores: [older], name: 's', sessions: 1, workers: 1, random: random(SEED), patience: 1000 };
  const load = new SharedLoad({ ...options, look: async (sid) => knex('sessions').where({ sid }) });
  try {
    await load.start();
    await until(async () => loads > 16);
    await load.stop();
    return { load, wrong: await load.wrongIn(older) };
  } finally {
    await store.close();
    await knex.destroy();
  }
}
