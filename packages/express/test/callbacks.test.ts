import { describe, expect, it } from 'vitest';
import { ExpressSessionStore } from '../src/index.js';
import { called, coreOf } from './app.js';
import { aWhile, recordFaults, until } from './obstacles.js';
import { describeNewest, rowsOf, statementsOf } from './stacks.js';

type Done = (error?: unknown, value?: unknown) => void;
type Method = (store: ExpressSessionStore, sid: unknown, done?: Done) => unknown;

const cookie = { originalMaxAge: null, expires: null, httpOnly: true, path: '/' };

/** The methods that take a sid. A sid is unknown here, because code without types passes anything. */
const BY_SID: Readonly<Record<string, Method>> = {
  get: (store, sid, done) => store.get(sid as string, done),
  set: (store, sid, done) => store.set(sid as string, { cookie }, done),
  touch: (store, sid, done) => store.touch(sid as string, { cookie }, done),
  destroy: (store, sid, done) => store.destroy(sid as string, done),
};

const METHODS: Readonly<Record<string, Method>> = {
  ...BY_SID,
  all: (store, _, done) => store.all(done),
  length: (store, _, done) => store.length(done),
  clear: (store, _, done) => store.clear(done),
};

describeNewest('callbacks', 'express_callbacks', (stack) => {
  const storeOf = async () => new ExpressSessionStore(await coreOf(stack));
  /** A store each of whose calls fails. */
  const failing = async () => {
    const core = await coreOf(stack);
    await core.close();
    return new ExpressSessionStore(core);
  };

  describe.each(Object.entries(METHODS))('%s', (_, method) => {
    it('calls back exactly once, later, without an error', async () => {
      const outcomes: unknown[][] = [];
      const promise = method(await storeOf(), 'a-sid', (...outcome) => outcomes.push(outcome));
      expect(outcomes).toEqual([]);
      expect(promise).toBeInstanceOf(Promise);
      await promise;
      await aWhile();
      expect(outcomes).toHaveLength(1);
      expect(outcomes[0]?.[0]).toBeNull();
    });

    it('calls back exactly once, later, with an error', async () => {
      const outcomes: unknown[][] = [];
      const faults = recordFaults();
      const promise = method(await failing(), 'a-sid', (...outcome) => outcomes.push(outcome));
      expect(outcomes).toEqual([]);
      await expect(promise).rejects.toMatchObject({ code: 'CLOSED' });
      await aWhile();
      expect(outcomes).toEqual([[expect.objectContaining({ code: 'CLOSED' })]]);
      expect(faults).toEqual([]);
    });

    it.each([
      ['works', storeOf],
      ['fails', failing],
    ])('of a call that %s, a callback that throws is not called again and rejects nothing', async (_, build) => {
      const store = await build();
      const faults = recordFaults();
      const thrown = new Error('thrown by the callback');
      let calls = 0;
      method(store, 'a-sid', () => {
        calls += 1;
        throw thrown;
      });
      await until(() => expect(faults).not.toEqual([]));
      await aWhile();
      expect(faults).toEqual([{ event: 'uncaughtException', error: thrown }]);
      expect(calls).toBe(1);
    });

    it('without a callback, a promise that nobody looks at is harmless', async () => {
      const faults = recordFaults();
      method(await storeOf(), 'a-sid');
      method(await failing(), 'a-sid');
      await aWhile();
      expect(faults).toEqual([]);
    });
  });

  describe.each(Object.entries(BY_SID))('%s', (_, method) => {
    it.each([
      ['an array', ['a-sid']],
      ['an object', { sid: 'a-sid' }],
      ['an object that reads as a text', { toString: () => 'a-sid' }],
      ['a number', 7],
      ['nothing', undefined],
      ['null', null],
      ['an empty text', ''],
    ])('%s as a sid is an error, and reaches no statement', async (_, sid) => {
      const store = await storeOf();
      await store.set('a-sid', { cookie, user: 'ada' });
      const faults = recordFaults();
      const outcomes: unknown[][] = [];
      const sent = await statementsOf(stack.knex(), async () => {
        method(store, sid, (...outcome) => outcomes.push(outcome));
        await until(() => expect(outcomes).toHaveLength(1));
      });
      expect(outcomes).toEqual([[expect.objectContaining({ code: 'INVALID_SID' })]]);
      expect(sent).toEqual([]);
      expect(await store.get('a-sid')).toMatchObject({ user: 'ada' });
      expect(faults).toEqual([]);
    });
  });

  it('all, length and clear mean every live session, with no sid in it', async () => {
    const store = await storeOf();
    const users = Array.from({ length: 120 }, (_, i) => `user-${String(i).padStart(3, '0')}`);
    await Promise.all(users.map((user) => store.set(`sid-of-${user}`, { cookie, user })));
    await store.set('sid-of-nobody', {
      cookie: { ...cookie, originalMaxAge: 5, expires: new Date(Date.now() - 1000) },
    });
    expect(await rowsOf(stack)).toHaveLength(121);

    const all = await store.all();
    expect(all.map(({ user }) => user).sort()).toEqual(users);
    expect(all.find(({ user }) => user === 'user-007')).toEqual({ cookie, user: 'user-007' });
    expect(JSON.stringify(all)).not.toContain('sid-of');
    expect(await store.length()).toBe(120);

    expect(await store.clear()).toBeUndefined();
    expect(await store.all()).toEqual([]);
    expect(await store.length()).toBe(0);
    expect(await rowsOf(stack)).toEqual([]);
  });

  it('get calls back with null where there is no session, and with an object of its own otherwise', async () => {
    const store = await storeOf();
    expect(await new Promise((resolve) => store.get('a-sid', (...outcome) => resolve(outcome)))).toEqual([null, null]);
    await store.set('a-sid', { cookie, note: { deep: 1 } });
    const [one, other] = await Promise.all([store.get('a-sid'), store.get('a-sid')]);
    expect(one).toEqual({ cookie, note: { deep: 1 } });
    expect(other).toEqual(one);
    Object.assign(one?.note ?? {}, { deep: 2 });
    Object.assign(one ?? {}, { user: 'changed' });
    expect(other).toEqual({ cookie, note: { deep: 1 } });
    expect(await store.get('a-sid')).toEqual({ cookie, note: { deep: 1 } });
  });

  it('set stores the session of the moment in which it was called, and later calls see it', async () => {
    const store = await storeOf();
    const session = { cookie, user: 'ada' };
    const saved = called((done) => store.set('a-sid', session, done));
    session.user = 'bob';
    const seen = store.get('a-sid');
    const ended = store.destroy('a-sid');
    expect(await seen).toEqual({ cookie, user: 'ada' });
    await Promise.all([saved, ended]);
    expect(await store.get('a-sid')).toBeNull();
  });

  it('touch of a session that is not there is no error and makes none', async () => {
    const store = await storeOf();
    expect(await store.touch('a-sid', { cookie })).toBeUndefined();
    expect(await rowsOf(stack)).toEqual([]);
  });

  it.each([0, -1000])('touch with %i ms left ends the session', async (maxAge) => {
    const store = await storeOf();
    await store.set('a-sid', { cookie });
    await store.touch('a-sid', { cookie: { ...cookie, maxAge } });
    expect(await store.get('a-sid')).toBeNull();
  });

  it.each([
    ['null', null],
    ['nothing', undefined],
    ['a text', 'session'],
    ['a list', []],
  ])('set and touch of %s instead of a session throw nothing and store nothing', async (_, session) => {
    const store = await storeOf();
    const faults = recordFaults();
    const wrong = session as unknown as Parameters<typeof store.set>[1];
    const saved = await called((done) => store.set('a-sid', wrong, done)).catch((caught) => caught);
    expect(saved).toMatchObject({ code: 'UNSERIALIZABLE' });
    await called((done) => store.touch('a-sid', wrong, done));
    expect(await rowsOf(stack)).toEqual([]);
    expect(faults).toEqual([]);
  });
});
