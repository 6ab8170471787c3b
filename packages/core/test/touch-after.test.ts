import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { KnexSessionStore, type StoreOptions } from '../src/index.js';
import { isSpared, KnownExpiries, touchWindow } from '../src/touch-after.js';
import { type Watch, watch } from './watch.js';

const TABLE = 'kss_touch_after';
const HOUR = 3_600_000;
const MINUTE = 60_000;
const schemas = [{ name: 'user_id', type: 'string' }] as const;
const START = Date.parse('2030-01-01T00:00:00Z');

describe('by how much a touch must move the expiry', () => {
  it.each([
    ['the option', 1000, 10_000, 1000],
    ['half of the lifetime, where that is less', 8000, 10_000, 5000],
    ['a whole number, as the column is', 8000, 9999, 4999],
    ['a whole number, whatever the option', 0.7, 10_000, 0],
    ['half of the lifetime, where it is always', Number.POSITIVE_INFINITY, 10_000, 5000],
    ['nothing, where the touch ends the session', 1000, -5, 0],
  ])('%s', (_, touchAfter, lifetime, window) => {
    expect(touchWindow(touchAfter, START + lifetime, START)).toBe(window);
  });

  it('spares what moves it by less, and nothing that brings it nearer', () => {
    const spared = [99, 100, 100 + 49, 100 + 50].map((asked) => isSpared(100, asked, 50));
    expect(spared).toStrictEqual([false, true, true, false]);
    expect(isSpared(100, 100, 0)).toBe(false);
  });
});

describe('the expiries that a process remembers', () => {
  it('are those of the latest sessions', () => {
    const known = new KnownExpiries(3);
    for (const [i, key] of ['a', 'b', 'c', 'a', 'd'].entries()) known.note(key, i);
    expect(['a', 'b', 'c', 'd'].map((key) => known.get(key))).toStrictEqual([3, undefined, 2, 4]);
  });

  it('are forgotten with the session', () => {
    const known = new KnownExpiries(3);
    known.note('a', 1);
    known.note('a', undefined);
    expect(known.get('a')).toBeUndefined();
  });

  it('are those of 10,000 sessions', () => {
    const known = new KnownExpiries();
    for (let i = 0; i <= 10_000; i++) known.note(String(i), i);
    expect([known.get('0'), known.get('1'), known.get('10000')]).toStrictEqual([undefined, 1, 10_000]);
  });
});

describeDatabases('a touch that moves the expiry by little', (_, knex) => {
  const opened: KnexSessionStore<typeof schemas>[] = [];
  let store: KnexSessionStore<typeof schemas>;
  let seen: Watch;

  const open = async (options: StoreOptions<typeof schemas> = {}) => {
    const one = new KnexSessionStore(knex(), {
      tableName: TABLE,
      schemas,
      timestamps: true,
      gcInterval: 0,
      touchAfter: 10 * MINUTE,
      maxAge: HOUR,
      sync: opened.length === 0, // to check the table each time would take the longest here
      ...options,
    });
    opened.push(one);
    await one.waitForSync();
    return one;
  };
  const row = async (sid: string) => {
    const [found] = await knex()(TABLE).where('sid', sid).select('expire_at as e', 'updated_at as u');
    return found && { expires: Number(found.e) - Date.now(), updated: Number(found.u) };
  };
  const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    seen = watch(knex());
  });
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: START });
    store = await open();
    await store.clear();
    seen.since();
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
    vi.useRealTimers();
  });
  afterAll(async () => {
    seen.stop();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it('is not written, and says that the session is there', async () => {
    await store.set('a', {});
    const before = await row('a');
    pass(10 * MINUTE - 1);
    seen.since();
    expect(await store.touch('a')).toBe(true);
    expect(seen.since()).toStrictEqual([]);
    expect(await row('a')).toStrictEqual({ expires: 50 * MINUTE + 1, updated: before?.updated });
    pass(1);
    expect(await store.touch('a')).toBe(true);
    expect(await row('a')).toStrictEqual({ expires: HOUR, updated: Date.now() });
  });

  it('needs no statement after anything by which this process knows the expiry', async () => {
    const other = await open({ touchAfter: 0 });
    await other.set('a', { cookie: { path: '/' } });
    const fresh = await open();
    const known = {
      get: () => fresh.get('a'),
      load: () => fresh.load('a'),
      set: () => fresh.set('a', { cookie: { path: '/' } }),
      update: () => fresh.update('a', { cookie: { path: '/' } }),
      'touch that was written': () => fresh.touch('a', HOUR),
      'touch with a cookie': () => fresh.touch('a', HOUR, { path: '/x' }),
    };
    for (const [verb, call] of Object.entries(known)) {
      pass(11 * MINUTE);
      await call();
      const expires = (await row('a'))?.expires ?? 0;
      pass(MINUTE);
      seen.since();
      expect([verb, await fresh.touch('a', expires + 8 * MINUTE), seen.since()]).toStrictEqual([verb, true, []]);
    }
  });

  it('is left to one statement with a condition, where this process has not seen the session', async () => {
    await store.set('a', {});
    await store.set('b', {});
    pass(5 * MINUTE);
    const fresh = await open();
    seen.since();
    expect(await fresh.touch('a')).toBe(true);
    expect(await row('a')).toMatchObject({ expires: 55 * MINUTE });
    seen.since();
    expect(await fresh.touch('a')).toBe(true); // it knows the row's expiry from now on
    expect(seen.since()).toStrictEqual([]);
    pass(5 * MINUTE);
    seen.since();
    expect(await fresh.touch('b')).toBe(true);
    expect(seen.since()).toHaveLength(1);
    expect(await row('b')).toMatchObject({ expires: HOUR });
  });

  it.each([9999, 10_000])(
    'is measured against half of a lifetime of %i ms, whoever knows the session',
    async (lifetime) => {
      const half = Math.floor(lifetime / 2);
      for (const moved of [half - 1, half]) {
        await store.set('a', {}, lifetime);
        pass(moved);
        const asked = await Promise.all([store.touch('a', lifetime), (await open()).touch('a', lifetime)]);
        expect(asked).toStrictEqual([true, true]);
        expect(await row('a')).toMatchObject({ expires: moved < half ? lifetime - moved : lifetime });
      }
      const fresh = await open();
      await store.set('a', {}, lifetime);
      pass(half);
      expect(await fresh.touch('a', lifetime)).toBe(true);
      expect(await row('a')).toMatchObject({ expires: lifetime });
    },
  );

  it('is written where it brings the end nearer, whoever knows the session', async () => {
    await store.set('a', {});
    await store.touch('a', HOUR - 1);
    expect(await row('a')).toMatchObject({ expires: HOUR - 1 });
    await (await open()).touch('a', HOUR - 2);
    expect(await row('a')).toMatchObject({ expires: HOUR - 2 });
  });

  it('comes after what is under way for the session, and is measured against that', async () => {
    await store.set('a', {});
    await Promise.all([store.set('a', {}, MINUTE), store.touch('a')]);
    expect(await row('a')).toMatchObject({ expires: HOUR });
    await Promise.all([store.touch('a', MINUTE), store.touch('a', HOUR)]);
    expect(await row('a')).toMatchObject({ expires: HOUR });
    expect(await Promise.all([store.destroy('a'), store.touch('a')])).toStrictEqual([undefined, false]);
    await store.set('a', {});
    expect(await Promise.all([store.clear(), store.touch('a')])).toStrictEqual([1, false]);
  });

  it('says that a session is gone which was never there, expired, or was ended by this process', async () => {
    expect(await store.touch('never')).toBe(false);
    const ends = {
      destroy: () => store.destroy('a'),
      clear: () => store.clear(),
      destroyWhere: () => store.destroyWhere({ user_id: 'ada' }),
      expiry: async () => pass(HOUR),
      'an expiry in the past': () => store.touch('a', -1),
      'a read that found it gone': async () => {
        await (await open()).destroy('a');
        await store.get('a');
      },
      'an update that found it gone': async () => {
        await (await open()).destroy('a');
        await store.update('a', {});
      },
    };
    for (const [title, end] of Object.entries(ends)) {
      await store.set('a', { user_id: 'ada' });
      await end();
      expect([title, await store.touch('a')]).toStrictEqual([title, false]);
      expect([title, await store.get('a')]).toStrictEqual([title, null]);
    }
  });

  it('never brings back what another process ended, though it may not know', async () => {
    await store.set('a', {});
    await (await open()).destroy('a');
    expect(await store.touch('a')).toBe(true);
    pass(30 * MINUTE);
    expect(await store.touch('a')).toBe(false);
    expect(await row('a')).toBeUndefined();
  });

  it('is written always without the option', async () => {
    const plain = await open({ touchAfter: 0 });
    await plain.set('a', {});
    pass(1);
    seen.since();
    expect(await plain.touch('a')).toBe(true);
    expect(seen.since()).toHaveLength(1);
    expect(await row('a')).toMatchObject({ expires: HOUR });
  });

  it('goes with others of its turn where the process knows that it is to be written', async () => {
    const together = await open({ batch: {} });
    const sids = Array.from({ length: 50 }, (_, i) => `s${i}`);
    await Promise.all(sids.map((sid) => together.set(sid, {})));
    pass(20 * MINUTE);
    seen.since();
    expect(await Promise.all(sids.map((sid) => together.touch(sid)))).toStrictEqual(sids.map(() => true));
    expect(seen.since().length).toBeLessThanOrEqual(2); // one may ask which were reached
    expect(await row('s49')).toMatchObject({ expires: HOUR });
  });
});

type Step =
  | { readonly passes: number }
  | { readonly does: 'touch' | 'set' | 'update' | 'rewrite'; readonly lifetime: number; readonly by: number }
  | { readonly does: 'get'; readonly by: number };

const by = fc.nat({ max: 1 });
const step = (lifetime: fc.Arbitrary<number>): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ passes: fc.oneof(fc.nat({ max: 50 }), fc.nat({ max: 3000 })) }) },
    { weight: 5, arbitrary: fc.record({ does: fc.constant('touch' as const), lifetime, by }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constantFrom('set', 'update', 'rewrite'), lifetime, by }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('get' as const), by }) },
  );

describeDatabases('over any touches and time, the expiry', ({ name }, knex) => {
  beforeAll(async () => {
    await knex().schema.dropTableIfExists(`${TABLE}_any`);
    const maker = new KnexSessionStore(knex(), { tableName: `${TABLE}_any` });
    await maker.waitForSync();
    await maker.close();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  afterAll(async () => {
    await knex().schema.dropTableIfExists(`${TABLE}_any`);
  });

  /** Runs the steps, each of one process or another, and tells after each how the row's expiry stands to the one asked last. */
  async function run(steps: readonly Step[], touchAfter: number, processes: number): Promise<void> {
    vi.useFakeTimers({ toFake: ['Date'], now: START });
    const stores = Array.from(
      { length: processes },
      () => new KnexSessionStore(knex(), { tableName: `${TABLE}_any`, gcInterval: 0, sync: false, touchAfter }),
    );
    await stores[0]?.set('a', { cookie: {} }, 1000);
    let asked = { at: Date.now() + 1000, within: 0 };
    let ends = Date.now() + 1000;
    for (const one of steps) {
      if ('passes' in one) {
        vi.setSystemTime(Date.now() + one.passes);
        continue;
      }
      const store = stores[one.by % processes] as KnexSessionStore;
      const lives = ends > Date.now();
      if (one.does === 'get') {
        expect((await store.get('a')) !== null).toBe(lives);
        continue;
      }
      const done = await {
        touch: () => store.touch('a', one.lifetime),
        set: () => store.set('a', { cookie: {} }, one.lifetime),
        update: () => store.update('a', { cookie: {} }, { maxAge: one.lifetime }),
        rewrite: () => store.touch('a', one.lifetime, {}),
      }[one.does]();
      expect(done !== false && done !== null).toBe(lives || one.does === 'set');
      if (!lives && one.does !== 'set') continue;
      const spares = one.does === 'touch' ? Math.min(touchAfter, one.lifetime / 2) : 0;
      asked = { at: Date.now() + one.lifetime, within: spares };
      const [row] = await knex()(`${TABLE}_any`).where('sid', 'a').select('expire_at as e');
      ends = Number(row?.e);
      expect(ends).toBeLessThanOrEqual(asked.at);
      expect(ends).toBeGreaterThanOrEqual(asked.at - asked.within);
    }
    await Promise.all(stores.map((store) => store.close()));
    vi.useRealTimers();
  }
  const runs = { numRuns: name === 'sqlite' ? 100 : 15 };
  const after = fc.oneof(fc.nat({ max: 2500 }), fc.constant(Number.POSITIVE_INFINITY));

  it('is at most touchAfter, or half of the lifetime, before the one that was asked for last', async () => {
    const lifetime = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 900, max: 5000 }));
    await fc.assert(
      fc.asyncProperty(fc.array(step(lifetime), { maxLength: 25 }), after, (steps, touchAfter) =>
        run(steps, touchAfter, 1),
      ),
      runs,
    );
  });

  it('is so where two processes touch the session, with one lifetime', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step(fc.constant(1001)), { maxLength: 25 }), after, (steps, touchAfter) =>
        run(steps, touchAfter, 2),
      ),
      runs,
    );
  });
});
