import { expect, it, vi } from 'vitest';
import { coreOf, startApp } from './app.js';
import type { Data, GenericContext, Routes } from './contexts.js';
import { recordFaults } from './obstacles.js';
import { describeStacks, EVERYWHERE, GENERIC, onlyRow, rowsOf } from './stacks.js';

const nothing = () => new Promise((resolve) => setImmediate(resolve));

/** Reads the session in a function that has waited before. */
function* lately(ctx: GenericContext) {
  yield nothing();
  return (yield ctx.session) as Data;
}

const deferred: Routes<GenericContext> = {
  '/ignore': (ctx) => {
    ctx.body = 'ignored';
  },
  '/login': function* (ctx) {
    const session = (yield ctx.session) as Data;
    session.user = 'ada';
    ctx.body = 'in';
  },
  '/whoami': function* (ctx) {
    const session = (yield ctx.session) as Data;
    ctx.body = session.user ?? 'nobody';
  },
  '/logout': function* (ctx) {
    yield ctx.session;
    ctx.session = null;
    ctx.body = 'out';
  },
  '/regenerate': function* (ctx) {
    yield nothing();
    const session = (yield ctx.regenerateSession()) as Data;
    session.user = 'bob';
    ctx.body = ctx.sessionId;
  },
  '/regenerate-and-keep': function* (ctx) {
    const session: Data = yield* lately(ctx);
    yield ctx.regenerateSession();
    session.note = 'kept'; // else the middleware sees no change, and saves nothing
    ctx.session = session;
    ctx.body = ctx.sessionId;
  },
};

describeStacks(
  'defer',
  'koa_generic_defer',
  GENERIC,
  (stack) => {
    const start = () => startApp(stack, deferred, { session: { defer: true } });

    it('G19: a request that does not ask for its session makes no call', async () => {
      const app = await start();
      const client = app.client();
      await client.get('/login');
      const get = vi.spyOn(app.store, 'get');
      expect((await client.get('/ignore')).text).toBe('ignored');
      expect(get).not.toHaveBeenCalled();
      expect((await client.get('/whoami')).text).toBe('ada');
      expect(get).toHaveBeenCalledTimes(1);
    });

    it('G19: a session is read when it is asked for, saved, and ended', async () => {
      const client = (await start()).client();
      await client.get('/login');
      const row = await onlyRow(stack);
      expect(row.sid).toBe(`koa:sess:${client.cookie('koa.sid')}`);
      expect((await client.get('/whoami')).text).toBe('ada');
      expect(await onlyRow(stack)).toEqual(row);
      await client.get('/logout');
      expect(await rowsOf(stack)).toEqual([]);
    });

    it.each([
      ['/regenerate', 'bob'],
      ['/regenerate-and-keep', 'ada'],
    ])('G19: a session is regenerated: %s', async (path, user) => {
      const client = (await start()).client();
      await client.get('/login');
      const old = client.copy();
      const { text: sid } = await client.get(path);
      expect((await onlyRow(stack)).sid).toBe(`koa:sess:${sid}`);
      expect((await client.get('/whoami')).text).toBe(user);
      expect((await old.get('/whoami')).text).toBe('nobody');
    });

    it('G19: sidOf reads no session', async () => {
      const faults = recordFaults();
      const core = await coreOf(stack);
      const store = new stack.Store(core);
      const paths: Routes<GenericContext> = {
        ...deferred,
        '/sid-early': (ctx) => {
          ctx.body = store.sidOf(ctx) ?? 'none yet';
        },
        '/sid': function* (ctx) {
          yield ctx.session;
          ctx.body = store.sidOf(ctx);
        },
      };
      const app = await startApp(stack, paths, { store, session: { defer: true } });
      const client = app.client();
      await client.get('/login');
      const get = vi.spyOn(store, 'get');
      expect((await client.get('/sid-early')).text).toBe('none yet');
      expect(get).not.toHaveBeenCalled();
      expect((await client.get('/sid')).text).toBe((await onlyRow(stack)).sid);
      expect((await client.get('/whoami')).text).toBe('ada');
      expect(faults).toEqual([]);
    });
  },
  EVERYWHERE,
);
