import { expect, it } from 'vitest';
import type { BaseContext, GenericContext } from './contexts.js';
import { type End, scene } from './kick.js';
import { describeStacks, GENERIC, MINIMAL, onlyRow, SESSION, type Stack, type Store } from './stacks.js';

// Each of these is what the middleware does by itself, where the store cannot tell it from a login. The README names them;
// where one of these tests fails because it is no longer so, the README has a sentence too many.

/** Ends a session under a slow request, and resolves to whose session there is afterwards. */
async function survivor<C extends BaseContext, S extends Store>(stack: Stack<C, S>, end: End<C>, session = {}) {
  const { client, core, gate, kick } = await scene(stack, 'a DELETE in another process', end, session);
  await client.get('/login');
  const old = client.copy();
  const slow = client.get('/slow');
  await gate.reached;
  await kick();
  gate.open();
  expect((await slow).status).toBe(200);
  const [found] = await core.find('all');
  expect((await old.get('/whoami')).text).toBe('nobody');
  return found?.columns.user;
}

describeStacks('koa-generic-session: a session that was ended', 'koa_generic_limits', GENERIC, (stack) => {
  it('goes on under a new sid, where its object is put back after regenerateSession', async () => {
    const user = await survivor(stack, function* (ctx, pause) {
      const { session } = ctx;
      yield pause();
      yield ctx.regenerateSession();
      session.note = 'late';
      ctx.session = session;
    });
    expect(user).toBe('ada');
  });

  if (stack.generators) return;

  it('goes on under a new sid, where it was replaced by another object before saveSession', async () => {
    const user = await survivor(stack, function* (ctx, pause) {
      yield pause();
      ctx.session = { ...ctx.session, note: 'late' };
      yield ctx.saveSession();
    });
    expect(user).toBe('ada');
  });
});

describeStacks('koa-generic-session with defer: an assignment', 'koa_generic_defer_limits', GENERIC, (stack) => {
  const assigned: End<GenericContext> = async (ctx, pause) => {
    await pause();
    ctx.session = { user: 'bob' };
  };

  it('that reads no session is saved under the sid of the cookie, whether its session lives or not', async () => {
    const { client, gate, kick, stack: shared } = await scene(stack, 'destroyWhere', assigned, { defer: true });
    await client.get('/login-deferred');
    const { sid } = await onlyRow(shared);
    const slow = client.get('/slow');
    await gate.reached;
    await kick();
    gate.open();
    await slow;
    expect(await onlyRow(shared)).toMatchObject({ sid });
  });

  it('that reads no session is saved under no sid at all, where there is no cookie', async () => {
    const { client, gate, stack: shared } = await scene(stack, 'destroyWhere', assigned, { defer: true });
    gate.open();
    await client.get('/slow');
    expect((await onlyRow(shared)).sid).toBe('koa:sess:undefined');
    expect(client.cookieHeader).toBe('');
  });
});

describeStacks('koa-session: a session that was ended', 'koa_session_limits', SESSION, (stack) => {
  it('goes on under a new key, where the request regenerates it afterwards', async () => {
    const user = await survivor(stack, async (ctx, pause) => {
      await pause();
      await ctx.session.regenerate();
    });
    expect(user).toBe('ada');
  });
});

describeStacks('koa-session-minimal: a session that was ended', 'koa_minimal_limits', MINIMAL, (stack) => {
  it('goes on under a new sid, where the request regenerates it afterwards', async () => {
    const user = await survivor(stack, async (ctx, pause) => {
      await pause();
      ctx.sessionHandler.regenerateId();
    });
    expect(user).toBe('ada');
  });

  it('takes along a session that began under its sid meanwhile, where the request ends it again', async () => {
    const { client, gate, kick, rows } = await scene(stack, 'destroyWhere', async (ctx, pause) => {
      await pause();
      ctx.session = null;
    });
    await client.get('/login');
    const bob = client.copy();
    const slow = client.get('/slow');
    await gate.reached;
    await kick();
    await bob.get('/login-bob');
    expect(await rows()).toHaveLength(1);
    gate.open();
    await slow;
    expect(await rows()).toEqual([]);
  });
});
