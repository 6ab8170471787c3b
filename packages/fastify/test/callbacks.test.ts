import type { Session } from 'fastify';
import { describe, expect, it } from 'vitest';
import { FastifySessionStore } from '../src/index.js';
import { asSession, called, coreOf, routes, startApp } from './app.js';
import { aWhile, recordFaults, until } from './obstacles.js';
import { describeStacks, rowsOf, statementsOf } from './stacks.js';

type Done = (error?: unknown, value?: unknown) => void;

const session = (more: object = {}) => asSession({ cookie: { originalMaxAge: null, expires: null }, ...more });

/** The methods of a store. A sid is anything here, as code without types has it. */
const METHODS: Readonly<Record<string, (store: FastifySessionStore, sid: unknown, done?: Done) => Promise<unknown>>> = {
  get: (store, sid, done) => store.get(sid as string, done),
  set: (store, sid, done) => store.set(sid as string, session(), done),
  destroy: (store, sid, done) => store.destroy(sid as string, done),
};

describeStacks('callbacks', 'fastify_callbacks', (stack) => {
  const working = async () => new FastifySessionStore(await coreOf(stack));
  /** A store each of whose calls fails. */
  const failing = async () => {
    const core = await coreOf(stack);
    await core.close();
    return new FastifySessionStore(core);
  };

  describe.each(Object.entries(METHODS))('%s', (_, method) => {
    it('calls back once and later, without an error', async () => {
      const outcomes: unknown[][] = [];
      const promise = method(await working(), 'a-sid', (...outcome) => outcomes.push(outcome));
      expect(outcomes).toEqual([]);
      await promise;
      await aWhile();
      expect(outcomes.map(([error]) => error)).toEqual([null]);
    });

    it('calls back once and later, with an error', async () => {
      const faults = recordFaults();
      const outcomes: unknown[][] = [];
      const promise = method(await failing(), 'a-sid', (...outcome) => outcomes.push(outcome));
      expect(outcomes).toEqual([]);
      await expect(promise).rejects.toMatchObject({ code: 'CLOSED' });
      await aWhile();
      expect(outcomes.map(([error]) => error)).toMatchObject([{ name: 'KssError', code: 'CLOSED' }]);
      expect(faults).toEqual([]);
    });

    it.each([
      ['works', working],
      ['fails', failing],
    ])('of a store that %s, a callback that throws is not called again, and rejects nothing', async (_, build) => {
      const store = await build();
      const faults = recordFaults();
      const thrown = new Error('thrown by the callback');
      let calls = 0;
      const promise = method(store, 'a-sid', () => {
        calls += 1;
        throw thrown;
      });
      await promise.catch((error: unknown) => expect(error).not.toBe(thrown));
      await until(() => expect(faults).toEqual([thrown]));
      await aWhile();
      expect(faults).toEqual([thrown]);
      expect(calls).toBe(1);
    });

    it('without a callback, a promise that nobody looks at is harmless', async () => {
      const faults = recordFaults();
      void method(await working(), 'a-sid');
      void method(await failing(), 'a-sid');
      await aWhile();
      expect(faults).toEqual([]);
    });

    it.each([
      ['a list', ['a-sid']],
      ['an object', { sid: 'a-sid' }],
      ['a number', 7],
      ['nothing', undefined],
      ['null', null],
      ['an empty text', ''],
    ])('%s as a sid is an error, throws nothing and reaches no statement', async (_, sid) => {
      const store = await working();
      await store.set('a-sid', session({ user: 'ada' }));
      const outcomes: unknown[][] = [];
      const sent = await statementsOf(stack.knex(), async () => {
        await method(store, sid, (...outcome) => outcomes.push(outcome)).catch(() => {});
        await aWhile();
      });
      expect(outcomes.map(([error]) => error)).toMatchObject([{ code: 'INVALID_SID' }]);
      expect(sent).toEqual([]);
      expect(await store.get('a-sid')).toMatchObject({ user: 'ada' });
    });
  });

  it.each([
    ['null', null],
    ['nothing', undefined],
    ['a text', 'session'],
    ['a list', []],
  ])('set of %s instead of a session throws nothing and stores nothing', async (_, wrong) => {
    const store = await working();
    const saved = called((done) => store.set('a-sid', asSession(wrong), done));
    await expect(saved).rejects.toMatchObject({ code: 'UNSERIALIZABLE' });
    expect(await rowsOf(stack, stack.knex())).toEqual([]);
  });

  it("F21: the application's own code reads, saves and ends sessions through request.sessionStore", async () => {
    const app = await startApp(stack, {
      ...routes,
      '/store': async ({ sessionStore }) => {
        const get = () => called<Session | null>((done) => sessionStore.get('own', done));
        const steps: unknown[] = [await get()];
        await called((done) => sessionStore.set('own', session({ user: 'eve' }), done));
        steps.push((await get())?.user);
        await called((done) => sessionStore.set('own', session({ user: 'bob' }), done));
        steps.push((await get())?.user);
        await called((done) => sessionStore.destroy('own', done));
        steps.push(await get());
        await called((done) => sessionStore.set('own', session({ user: 'new' }), done));
        return [...steps, (await get())?.user];
      },
    });
    const client = app.client();
    await client.get('/login');
    for (const visitor of [client, app.client()]) {
      expect(JSON.parse((await visitor.get('/store')).text)).toEqual([null, 'eve', 'bob', null, 'new']);
      expect((await app.client().assume('own').get('/whoami')).text).toBe('new');
      await app.store.destroy('own');
    }
    expect((await client.get('/whoami')).text).toBe('ada');
    expect(app.errors).toEqual([]);
  });

  it('F21: with promises instead of callbacks', async () => {
    const { client, store } = await startApp(stack, routes);
    expect(await store.set('own', session({ user: 'eve' }))).toBeUndefined();
    expect(await store.get('own')).toEqual({ cookie: { originalMaxAge: null, expires: null }, user: 'eve' });
    expect((await client().assume('own').get('/whoami')).text).toBe('eve');
    expect(await store.destroy('own')).toBeUndefined();
    expect(await store.get('own')).toBeNull();
  });
});
