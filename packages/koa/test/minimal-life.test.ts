import { expect, it, vi } from 'vitest';
import { coreOf, startApp } from './app.js';
import { type MinimalContext, type Routes, routes } from './contexts.js';
import { aWhile, recordFaults, until } from './obstacles.js';
import { describeStacks, MINIMAL, onlyRow, rowsOf } from './stacks.js';

const KEY = 'koa:sess';
const DAY = 86_400_000;
const HOUR = 3_600_000;

const more: Routes<MinimalContext> = {
  ...routes,
  '/empty': (ctx) => {
    ctx.session = {};
    ctx.body = 'out';
  },
  '/delete': (ctx) => {
    Reflect.deleteProperty(ctx, 'session');
    ctx.body = 'out';
  },
  '/regenerate': (ctx) => {
    ctx.sessionHandler.regenerateId();
    ctx.session.n = 7;
    ctx.body = 'regenerated';
  },
  '/regenerate-unchanged': (ctx) => {
    ctx.sessionHandler.regenerateId();
    ctx.body = 'regenerated';
  },
};

describeStacks('the life of a session', 'koa_minimal_life', MINIMAL, (stack) => {
  async function start(session: object = {}) {
    const core = await coreOf(stack);
    const app = await startApp(stack, more, { core, session });
    /** The rows, when all writes are over. */
    const rows = async () => {
      await core.count('all');
      return rowsOf(stack);
    };
    const row = async () => {
      await core.count('all');
      return onlyRow(stack);
    };
    return { app, client: app.client(), rows, row };
  }

  it('M1: a request with an empty session makes no call', async () => {
    const { app, client, rows } = await start();
    const calls = (['get', 'set', 'destroy'] as const).map((name) => vi.spyOn(app.store, name));
    expect(await client.get('/whoami')).toMatchObject({ status: 200, text: 'nobody' });
    for (const spy of calls) expect(spy).not.toHaveBeenCalled();
    expect(await rows()).toEqual([]);
  });

  it('M3: a key names the cookie, and begins the sid', async () => {
    const { client, row } = await start({ key: 'app' });
    await client.get('/login');
    expect((await row()).sid).toBe(`app:${client.cookie('app')}`);
    expect((await client.get('/whoami')).text).toBe('ada');
  });

  it.each([
    ['M2: a cookie without a maxAge', {}, DAY],
    ['M4: a maxAge', { maxAge: 1000 }, 1000],
    ['M4: a maxAge below zero', { maxAge: -5 }, DAY],
    ['M16: a cookie that is a function of the request', (ctx: MinimalContext) => ({ maxAge: maxAgeOf(ctx) }), HOUR],
  ])('%s says how long the row lives', async (_, cookie, ms) => {
    const { client, row } = await start({ cookie });
    const before = Date.now();
    await client.get('/login');
    const { expire_at } = await row();
    expect(expire_at).toBeGreaterThanOrEqual(before + ms);
    expect(expire_at).toBeLessThanOrEqual(Date.now() + ms);
  });

  it('M4: a session whose time is over is gone', async () => {
    const { app, client } = await start({ cookie: { maxAge: 500 } });
    await client.get('/login');
    const forever = app.client().setCookie(KEY, client.cookie(KEY) ?? '');
    await until(async () => expect((await forever.get('/whoami')).text).toBe('nobody'));
  });

  it('M5: a request that changes nothing writes nothing', async () => {
    const { app, client, row } = await start();
    await client.get('/login');
    const before = await row();
    const set = vi.spyOn(app.store, 'set');
    await aWhile(5);
    expect(await client.get('/whoami')).toEqual({ status: 200, text: 'ada', cookies: [] });
    expect(set).not.toHaveBeenCalled();
    expect(await row()).toEqual(before);
  });

  it.each([['/empty'], ['/logout'], ['/delete']])('M6: a session that is emptied is over: %s', async (path) => {
    const { client, rows } = await start();
    await client.get('/login');
    const copy = client.copy();
    expect((await client.get(path)).text).toBe('out');
    expect(client.cookie(KEY)).toBeUndefined();
    expect((await copy.get('/whoami')).text).toBe('nobody');
    expect(await rows()).toEqual([]);
  });

  it.each([
    ['/regenerate', 7],
    ['/regenerate-unchanged', 1],
  ])('M7: regenerateId leaves the session under its new sid alone: %s', async (path, n) => {
    const { client, row } = await start();
    await client.get('/login');
    await client.get('/count');
    const old = client.copy();
    await client.get(path);
    expect(client.cookie(KEY)).not.toBe(old.cookie(KEY));
    const { sid, additional } = await row();
    expect(sid).toBe(`koa:sess:${client.cookie(KEY)}`);
    expect(JSON.parse(additional)).toEqual({ user: 'ada', n });
    expect((await old.get('/whoami')).text).toBe('nobody');
    expect((await client.get('/count')).text).toBe(String(n + 1));
    await client.get('/regenerate');
    expect(JSON.parse((await row()).additional)).toEqual({ user: 'ada', n: 7 });
  });

  it.each([
    ['a circle', () => circle()],
    ['a BigInt', () => 1n],
  ])('M13: what JSON cannot hold (%s) harms nobody, and onError hears of it', async (_, make) => {
    const faults = recordFaults();
    const heard: Error[] = [];
    const core = await coreOf(stack, { onError: (error) => heard.push(error) });
    const paths: Routes<MinimalContext> = {
      ...routes,
      '/impossible': (ctx) => {
        ctx.session.note = make();
        ctx.body = 'done';
      },
    };
    const app = await startApp(stack, paths, { core });
    const client = app.client();
    await client.get('/login');
    expect(await client.get('/impossible')).toMatchObject({ status: 200, text: 'done' });
    await until(() => expect(heard).toEqual([expect.objectContaining({ code: 'UNSERIALIZABLE' })]));
    expect((await client.get('/whoami')).text).toBe('ada');
    await aWhile();
    expect(faults).toEqual([]);
    expect(app.errors).toEqual([]);
  });

  it('M15: what is changed while a session is being saved, or afterwards, is not stored', async () => {
    const core = await coreOf(stack);
    const store = new stack.Store(core);
    const note = { deep: ['early'] };
    const { set } = store;
    vi.spyOn(store, 'set').mockImplementation((...args) => {
      const saving = set.apply(store, args);
      note.deep.push('late');
      return saving;
    });
    const paths: Routes<MinimalContext> = {
      ...routes,
      '/note': (ctx) => {
        ctx.session.note = note;
        ctx.body = 'noted';
      },
    };
    const app = await startApp(stack, paths, { store });
    await app.client().get('/note');
    note.deep.push('later');
    await core.count('all');
    expect(JSON.parse((await onlyRow(stack)).additional).note).toEqual({ deep: ['early'] });
  });
});

function circle(): object {
  const round: Record<string, unknown> = {};
  round.self = round;
  return round;
}

function maxAgeOf(ctx: MinimalContext): number {
  return ctx.path === '/login' ? HOUR : DAY;
}
