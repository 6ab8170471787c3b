import type { KnexSessionStore } from '@kss/core';
import { describe, expect, it } from 'vitest';
import { KoaSessionStore } from '../src/index.js';
import { coreOf, startApp } from './app.js';
import type { Client } from './client.js';
import { type BaseContext, type GenericContext, type Routes, routes, type SessionContext } from './contexts.js';
import { describeStacks, GENERIC, MINIMAL, rowsOf, SESSION, type Stack, type Store } from './stacks.js';

const SCHEMAS = [{ name: 'user', type: 'string', args: [100], index: true }] as const;

/** An application with a page of one's devices. */
async function devices<C extends BaseContext, S extends Store>(
  stack: Stack<C, S>,
  { store: options = {}, session = {}, more = {} }: { store?: object; session?: object; more?: Routes<C> } = {},
) {
  const core = await coreOf(stack, { schemas: SCHEMAS });
  const store = new stack.Store(core, options);
  const mine = (ctx: C) => ({ user: ctx.session.user ?? 'nobody' });
  const paths: Routes<C> = {
    ...routes,
    '/sid': (ctx) => {
      ctx.body = store.sidOf(ctx) ?? 'none';
    },
    '/devices': async (ctx) => {
      const current = store.sidOf(ctx);
      ctx.body = JSON.stringify((await core.find(mine(ctx), { current })).map((device) => device.current));
    },
    '/only-this': async (ctx) => {
      const except = store.sidOf(ctx);
      if (except !== undefined) ctx.body = String(await core.destroyWhere(mine(ctx), { except }));
    },
    ...more,
  };
  return { app: await startApp(stack, paths, { store, session }), core };
}

/** Signs in three times, looks at the devices and ends the others. */
async function expectOnlyThisIsLeft(
  { app, core }: { app: { client(): Client; errors: readonly unknown[] }; core: KnexSessionStore<typeof SCHEMAS> },
  stack: Stack,
  sidOf: (client: Client) => string,
): Promise<void> {
  const clients = Array.from({ length: 3 }, () => app.client());
  for (const client of clients) await client.get('/login');
  await core.count('all');
  const [one, ...others] = clients;
  if (one === undefined) throw new Error('There is no client.');
  expect((await one.get('/sid')).text).toBe(sidOf(one));
  for (const client of clients) {
    const devices: boolean[] = JSON.parse((await client.get('/devices')).text);
    expect(devices.toSorted()).toEqual([false, false, true]);
  }
  expect((await one.get('/only-this')).text).toBe('2');
  expect((await rowsOf(stack)).map(({ sid }) => sid)).toEqual([sidOf(one)]);
  expect((await one.get('/whoami')).text).toBe('ada');
  for (const other of others) expect((await other.get('/whoami')).text).toBe('nobody');
  expect(app.errors).toEqual([]);
}

describeStacks('sidOf with koa-generic-session', 'koa_sid_of_generic', GENERIC, (stack) => {
  it.each([
    ['the defaults', {}, {}, 'koa:sess:', 'koa.sid'],
    ['a prefix', { prefix: 'app:' }, { prefix: 'app:' }, 'app:', 'koa.sid'],
    ['an empty prefix and a key', { prefix: '' }, { prefix: '', key: 'app' }, '', 'app'],
  ])('with %s', async (_, store, session, prefix, key) => {
    const started = await devices(stack, { store, session });
    await expectOnlyThisIsLeft(started, stack, (client) => `${prefix}${client.cookie(key)}`);
  });

  it('is the sid under which a session that is regenerated will be saved', async () => {
    const more: Routes<GenericContext> = {
      '/regenerate': function* (ctx) {
        yield ctx.regenerateSession();
        ctx.session.user = 'bob';
        ctx.body = started.app.store.sidOf(ctx);
      },
    };
    const started = await devices(stack, { more });
    const client = started.app.client();
    await client.get('/login');
    const { text } = await client.get('/regenerate');
    expect(text).toBe(`koa:sess:${client.cookie('koa.sid')}`);
  });

  it('is not what the session calls its externalKey', async () => {
    const more: Routes<GenericContext> = {
      '/sid-with-key': (ctx) => {
        ctx.session.externalKey = 'chosen';
        ctx.body = started.app.store.sidOf(ctx);
      },
    };
    const started = await devices(stack, { more });
    const client = started.app.client();
    await client.get('/login');
    expect((await client.get('/sid-with-key')).text).toBe(`koa:sess:${client.cookie('koa.sid')}`);
    expect((await client.get('/sid')).text).toBe(`koa:sess:${client.cookie('koa.sid')}`);
  });
});

describeStacks('sidOf with koa-session', 'koa_sid_of_session', SESSION, (stack) => {
  it.each([
    ['the defaults', {}, 'koa.sess'],
    ['a prefix and a key', { prefix: 'app:', key: 'app' }, 'app'],
  ])('with %s', async (_, session, key) => {
    const started = await devices(stack, { session });
    await expectOnlyThisIsLeft(started, stack, (client) => client.cookie(key) ?? '');
  });

  it('is the new key of a session that was regenerated, and none of one that was ended', async () => {
    const more: Routes<SessionContext> = {
      '/regenerate': async (ctx) => {
        await ctx.session.regenerate();
        const except = started.app.store.sidOf(ctx);
        if (except !== undefined) ctx.body = String(await started.core.destroyWhere({ user: 'ada' }, { except }));
      },
      '/null': (ctx) => {
        ctx.session = null;
        ctx.body = started.app.store.sidOf(ctx) ?? 'none';
      },
    };
    const started = await devices(stack, { more });
    const [client, other] = [started.app.client(), started.app.client()];
    await client.get('/login');
    await other.get('/login');
    expect((await client.get('/regenerate')).text).toBe('1');
    expect((await client.get('/whoami')).text).toBe('ada');
    expect((await other.get('/whoami')).text).toBe('nobody');
    expect((await client.get('/sid')).text).toBe(client.cookie('koa.sess'));
    expect((await client.get('/null')).text).toBe('none');
  });

  it('is the new key for a store that was not the one of the request', async () => {
    const core = await coreOf(stack, { schemas: SCHEMAS });
    const store = new KoaSessionStore(core);
    class ContextStore extends KoaSessionStore {
      constructor(readonly ctx: SessionContext) {
        super(core);
      }
    }
    const more: Routes<SessionContext> = {
      ...routes,
      '/regenerate': async (ctx) => {
        await ctx.session.regenerate();
        ctx.body = store.sidOf(ctx);
      },
    };
    const client = (await startApp(stack, more, { session: { store: undefined, ContextStore } })).client();
    await client.get('/login');
    expect((await client.get('/regenerate')).text).toBe(client.cookie('koa.sess'));
  });

  it('is the key of a session that is new', async () => {
    const more: Routes<SessionContext> = {
      '/new': (ctx) => {
        ctx.session.user = 'ada';
        ctx.body = started.app.store.sidOf(ctx);
      },
    };
    const started = await devices(stack, { more });
    const client = started.app.client();
    expect((await client.get('/new')).text).toBe(client.cookie('koa.sess'));
  });
});

describeStacks('sidOf with koa-session-minimal', 'koa_sid_of_minimal', MINIMAL, (stack) => {
  it.each([
    ['the defaults', {}, 'koa:sess'],
    ['a key', { key: 'app' }, 'app'],
  ])('with %s', async (_, options, key) => {
    const started = await devices(stack, { store: options, session: options });
    await expectOnlyThisIsLeft(started, stack, (client) => `${key}:${client.cookie(key)}`);
  });

  describe('without a cookie', () => {
    it('there is none', async () => {
      const { app } = await devices(stack);
      expect((await app.client().get('/sid')).text).toBe('none');
      expect((await app.client().get('/devices')).text).toBe('[]');
    });
  });
});
