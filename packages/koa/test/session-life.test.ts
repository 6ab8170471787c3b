import { randomUUID } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { KoaSessionStore } from '../src/index.js';
import { coreOf, startApp } from './app.js';
import { type BaseContext, type Routes, routes, type SessionContext } from './contexts.js';
import { until } from './obstacles.js';
import { describeStacks, onlyRow, rowsOf, SESSION } from './stacks.js';

const KEY = 'koa.sess';

const more: Routes<SessionContext> = {
  ...routes,
  '/key': (ctx) => {
    ctx.session.note = 'here';
    ctx.body = ctx.session.externalKey;
  },
  '/regenerate': async (ctx) => {
    await ctx.session.regenerate();
    ctx.session.user = 'bob';
    ctx.body = 'regenerated';
  },
};

describeStacks('the life of a session', 'koa_session_life', SESSION, (stack) => {
  it('K1: a request without a cookie that leaves its session alone makes no call', async () => {
    const app = await startApp(stack, routes);
    const calls = (['get', 'set', 'destroy'] as const).map((name) => vi.spyOn(app.store, name));
    expect(await app.client().get('/ignore')).toEqual({ status: 200, text: 'ignored', cookies: [] });
    for (const spy of calls) expect(spy).not.toHaveBeenCalled();
    expect(await rowsOf(stack)).toEqual([]);
  });

  it('K2: a session is kept under its key, and the next request has it', async () => {
    const app = await startApp(stack, more);
    const client = app.client();
    expect((await client.get('/count')).text).toBe('1');
    const key = client.cookie(KEY);
    expect((await onlyRow(stack)).sid).toBe(key);
    expect((await client.get('/count')).text).toBe('2');
    expect(client.cookie(KEY)).toBe(key);
    expect((await client.get('/key')).text).toBe(key);
    const row = await onlyRow(stack);
    expect((await client.get('/whoami')).text).toBe('nobody');
    expect(await onlyRow(stack)).toEqual(row);
  });

  it('K8: regenerate ends the old session, and the new one has what the request left in it', async () => {
    const app = await startApp(stack, more);
    const client = app.client();
    await client.get('/count');
    const old = client.copy();
    const set = vi.spyOn(app.store, 'set');
    await client.get('/regenerate');
    expect(set).toHaveBeenCalledTimes(2);
    expect(client.cookie(KEY)).not.toBe(old.cookie(KEY));
    const row = await onlyRow(stack);
    expect(row.sid).toBe(client.cookie(KEY));
    expect(JSON.parse(row.additional)).toMatchObject({ n: 1, user: 'bob' });
    expect((await client.get('/whoami')).text).toBe('bob');
    expect((await old.get('/whoami')).text).toBe('nobody');
  });

  it('K8: a session that is new is regenerated, too', async () => {
    const client = (await startApp(stack, more)).client();
    await client.get('/regenerate');
    expect((await onlyRow(stack)).sid).toBe(client.cookie(KEY));
    expect((await client.get('/whoami')).text).toBe('bob');
  });

  it('K9: a new session that is set to null is no error', async () => {
    const app = await startApp(stack, routes);
    const destroy = vi.spyOn(app.store, 'destroy');
    expect(await app.client().get('/logout')).toMatchObject({ status: 200, text: 'out' });
    expect(destroy.mock.calls.length).toBeLessThanOrEqual(1);
    expect(app.errors).toEqual([]);
    expect(await rowsOf(stack)).toEqual([]);
  });

  it('K10: a session that is set to null is over, and its cookie is cleared', async () => {
    const client = (await startApp(stack, routes)).client();
    await client.get('/login');
    const copy = client.copy();
    await client.get('/logout');
    expect(client.cookie(KEY)).toBeUndefined();
    expect(await rowsOf(stack)).toEqual([]);
    expect((await copy.get('/whoami')).text).toBe('nobody');
  });

  it('K12: an expired session is missed, and its key is not used again', async () => {
    const app = await startApp(stack, routes);
    const heard: unknown[] = [];
    for (const event of ['missed', 'expired', 'invalid']) app.koa.on(`session:${event}`, () => heard.push(event));
    const client = app.client();
    await client.get('/login');
    const key = client.cookie(KEY);
    await stack
      .knex()(stack.table)
      .update({ expire_at: Date.now() - 1 });
    expect((await client.get('/count')).text).toBe('1');
    await until(() => expect(heard).toEqual(['missed']));
    expect(client.cookie(KEY)).not.toBe(key);
  });

  it('K13: a prefix is part of the key', async () => {
    const client = (await startApp(stack, routes, { session: { prefix: 'app:' } })).client();
    await client.get('/login');
    const row = await onlyRow(stack);
    expect(row.sid).toMatch(/^app:[-0-9a-f]{36}$/);
    expect(client.cookie(KEY)).toBe(row.sid);
    expect((await client.get('/whoami')).text).toBe('ada');
  });

  it.each([
    ['long ones', () => `${'x'.repeat(300)}${randomUUID()}`],
    ['such with spaces and quotes', () => `a "key's" % \\ ${randomUUID()}`],
  ])("K13: the application's own keys: %s", async (_, genid) => {
    const keys = new Map<string, string>();
    const externalKey = {
      get: (ctx: BaseContext) => keys.get(ctx.cookies.get('who') ?? '') as string,
      set: (ctx: BaseContext, key: string) => void keys.set(ctx.cookies.get('who') ?? '', key),
    };
    const app = await startApp(stack, more, { session: { genid, externalKey } });
    const ada = app.client().setCookie('who', 'ada');
    const bob = app.client().setCookie('who', 'bob');
    await ada.get('/login');
    expect((await bob.get('/count')).text).toBe('1');
    expect((await ada.get('/whoami')).text).toBe('ada');
    expect((await bob.get('/whoami')).text).toBe('nobody');
    expect((await bob.get('/count')).text).toBe('2');
    expect((await ada.get('/key')).text).toBe(keys.get('ada'));
    expect(await rowsOf(stack)).toHaveLength(2);
    await ada.get('/logout');
    expect(await rowsOf(stack)).toHaveLength(1);
  });

  it('K14: a store for each request, over one core', async () => {
    const core = await coreOf(stack);
    let made = 0;
    class ContextStore extends KoaSessionStore {
      constructor(readonly ctx: BaseContext) {
        super(core);
        made += 1;
      }
    }
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    for (let stores = 0; stores < 100; stores++) new KoaSessionStore(core);
    expect(timers()).toBe(before);

    const client = (await startApp(stack, more, { session: { store: undefined, ContextStore } })).client();
    await client.get('/login');
    expect((await client.get('/count')).text).toBe('1');
    expect((await client.get('/whoami')).text).toBe('ada');
    await client.get('/regenerate');
    expect((await client.get('/whoami')).text).toBe('bob');
    expect((await onlyRow(stack)).sid).toBe(client.cookie(KEY));
    expect(made).toBe(5);
    await client.get('/logout');
    expect(await rowsOf(stack)).toEqual([]);
  });

  it('K15: what is changed while a session is being saved, or afterwards, is not stored', async () => {
    const core = await coreOf(stack);
    const store = new KoaSessionStore(core);
    const note = { deep: ['early'] };
    const { set } = store;
    vi.spyOn(store, 'set').mockImplementation((...args) => {
      const saving = set.apply(store, args);
      note.deep.push('late');
      return saving;
    });
    const paths: Routes<SessionContext> = {
      ...routes,
      '/note': (ctx) => {
        ctx.session.note = note;
        ctx.body = 'noted';
      },
    };
    const app = await startApp(stack, paths, { store });
    await app.client().get('/note');
    note.deep.push('later');
    expect(JSON.parse((await onlyRow(stack)).additional).note).toEqual({ deep: ['early'] });
  });

  it('K16: without autoCommit, a session is saved when the handler says so', async () => {
    const paths: Routes<SessionContext> = {
      ...routes,
      '/commit': async (ctx) => {
        ctx.session.user = 'ada';
        await ctx.session.manuallyCommit();
        ctx.session.user = 'bob';
        ctx.body = 'committed';
      },
    };
    const client = (await startApp(stack, paths, { session: { autoCommit: false } })).client();
    await client.get('/login');
    expect(await rowsOf(stack)).toEqual([]);
    await client.get('/commit');
    expect((await client.get('/whoami')).text).toBe('ada');
  });
});
