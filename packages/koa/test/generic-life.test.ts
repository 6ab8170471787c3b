import { expect, it, vi } from 'vitest';
import { coreOf, startApp } from './app.js';
import { type GenericContext, type Routes, routes } from './contexts.js';
import { aWhile, Gate } from './obstacles.js';
import { describeStacks, EVERYWHERE, GENERIC, onlyRow, rowsOf } from './stacks.js';

const KEY = 'koa.sid';

const more: Routes<GenericContext> = {
  ...routes,
  '/regenerate': function* (ctx) {
    yield ctx.regenerateSession();
    ctx.session.user = 'bob';
    ctx.body = ctx.sessionId;
  },
  '/regenerate-and-keep': function* (ctx) {
    const { session } = ctx;
    yield ctx.regenerateSession();
    ctx.session = session;
    ctx.session.user = 'bob';
    ctx.body = ctx.sessionId;
  },
  '/login-and-out': (ctx) => {
    ctx.session.user = 'ada';
    ctx.session = null;
    ctx.body = 'out';
  },
};

describeStacks(
  'the life of a session',
  'koa_generic_life',
  GENERIC,
  (stack) => {
    it('G1: a request that ignores its new session makes no call', async () => {
      const app = await startApp(stack, routes);
      const calls = (['get', 'set', 'destroy'] as const).map((name) => vi.spyOn(app.store, name));
      expect(await app.client().get('/ignore')).toEqual({ status: 200, text: 'ignored', cookies: [] });
      for (const spy of calls) expect(spy).not.toHaveBeenCalled();
      expect(await rowsOf(stack)).toEqual([]);
    });

    it.each([
      ['the default prefix', {}, 'koa:sess:'],
      ['a prefix', { prefix: 'app:' }, 'app:'],
      ['an empty prefix', { prefix: '' }, ''],
    ])('G2: a session is kept under its sid with %s, and the next request has it', async (_, session, prefix) => {
      const app = await startApp(stack, routes, { session });
      const client = app.client();
      expect((await client.get('/count')).text).toBe('1');
      const sid = client.cookie(KEY);
      expect((await onlyRow(stack)).sid).toBe(`${prefix}${sid}`);
      expect((await client.get('/count')).text).toBe('2');
      expect(client.cookie(KEY)).toBe(sid);
      expect(JSON.parse((await onlyRow(stack)).additional)).toMatchObject({ n: 2 });
      expect((await app.client().get('/whoami')).text).toBe('nobody');
    });

    it('G3: a request that only reads leaves the row as it is', async () => {
      const app = await startApp(stack, routes);
      const client = app.client();
      await client.get('/login');
      const before = await onlyRow(stack);
      const get = vi.spyOn(app.store, 'get');
      const set = vi.spyOn(app.store, 'set');
      expect(await client.get('/whoami')).toEqual({ status: 200, text: 'ada', cookies: [] });
      expect(get).toHaveBeenCalledTimes(1);
      expect(set).not.toHaveBeenCalled();
      expect(await onlyRow(stack)).toEqual(before);
    });

    it('G4: with rolling, every request moves the expiry', async () => {
      const app = await startApp(stack, routes, { session: { rolling: true } });
      const client = app.client();
      await client.get('/login');
      for (let requests = 0; requests < 3; requests++) {
        const before = await onlyRow(stack);
        await aWhile(5);
        expect((await client.get('/whoami')).text).toBe('ada');
        expect((await onlyRow(stack)).expire_at).toBeGreaterThan(before.expire_at);
      }
    });

    it('G11: a session that is set to null is over, and its cookie is cleared', async () => {
      const app = await startApp(stack, more);
      const client = app.client();
      await client.get('/login');
      const copy = client.copy();
      expect((await client.get('/logout')).cookies).not.toEqual([]);
      expect(client.cookie(KEY)).toBeUndefined();
      expect(await rowsOf(stack)).toEqual([]);
      expect((await copy.get('/whoami')).text).toBe('nobody');
    });

    it('G11: a new session that is set to null makes no call', async () => {
      const app = await startApp(stack, more);
      const destroy = vi.spyOn(app.store, 'destroy');
      expect(await app.client().get('/login-and-out')).toEqual({ status: 200, text: 'out', cookies: [] });
      expect(destroy).not.toHaveBeenCalled();
      expect(await rowsOf(stack)).toEqual([]);
    });

    it.each([
      ['a new session', '/regenerate', {}],
      ['the same object', '/regenerate-and-keep', { n: 1 }],
    ])('G12: regenerate ends the old session, and saves %s under the new sid', async (_, path, kept) => {
      const app = await startApp(stack, more);
      const client = app.client();
      await client.get('/count');
      const old = client.copy();
      const { text: sid } = await client.get(path);
      const row = await onlyRow(stack);
      expect(row.sid).toBe(`koa:sess:${sid}`);
      expect(JSON.parse(row.additional)).toEqual({ cookie: expect.anything(), user: 'bob', ...kept });
      expect(client.cookie(KEY)).toBe(sid);
      expect((await client.get('/whoami')).text).toBe('bob');
      expect((await old.get('/whoami')).text).toBe('nobody');
      expect((await client.get('/login')).text).toBe('in');
      expect((await client.get('/whoami')).text).toBe('ada');
    });

    it('G12: a session that is new is regenerated, too', async () => {
      const client = (await startApp(stack, more)).client();
      const { text: sid } = await client.get('/regenerate');
      expect((await onlyRow(stack)).sid).toBe(`koa:sess:${sid}`);
      expect((await client.get('/whoami')).text).toBe('bob');
    });

    it('G16: an expired session is not found, and its sid is not used again', async () => {
      const client = (await startApp(stack, routes)).client();
      await client.get('/login');
      const sid = client.cookie(KEY);
      await stack
        .knex()(stack.table)
        .update({ expire_at: Date.now() - 1 });
      expect((await client.get('/count')).text).toBe('1');
      expect(client.cookie(KEY)).not.toBe(sid);
      expect((await rowsOf(stack)).map((row) => row.sid)).toEqual([
        `koa:sess:${sid}`,
        `koa:sess:${client.cookie(KEY)}`,
      ]);
    });

    it('G18: requests that change a session at once both keep their change', async () => {
      const gate = new Gate();
      const app = await startApp(stack, {
        ...routes,
        '/slow': function* (ctx) {
          yield gate.pass();
          ctx.session.note = 'slow';
          ctx.body = 'slow';
        },
      });
      const client = app.client();
      await client.get('/login');
      const slow = client.get('/slow');
      await gate.reached;
      await client.get('/count');
      gate.open();
      expect((await slow).status).toBe(200);
      expect(JSON.parse((await onlyRow(stack)).additional)).toEqual({
        cookie: expect.anything(),
        user: 'ada',
        note: 'slow',
        n: 1,
      });
    });

    it('G18: many changes at once are all answered, and leave one row', async () => {
      const core = await coreOf(stack);
      const app = await startApp(stack, routes, { core });
      const client = app.client();
      await client.get('/login');
      const replies = await Promise.all(Array.from({ length: 20 }, () => client.get('/count')));
      expect(replies.map(({ status }) => status)).toEqual(Array(20).fill(200));
      expect(JSON.parse((await onlyRow(stack)).additional)).toMatchObject({ user: 'ada', n: expect.any(Number) });
      expect(app.errors).toEqual([]);
    });
  },
  EVERYWHERE,
);
