import { expect, it } from 'vitest';
import { startApp } from './app.js';
import { type Routes, routes, type SessionContext } from './contexts.js';
import { recordFaults, takeAway } from './obstacles.js';
import { describeStacks, onlyRow, SESSION } from './stacks.js';

const failed = expect.objectContaining({ name: 'KssError', code: 'DATABASE' });

describeStacks('failures', 'koa_session_failures', SESSION, (stack) => {
  /** A client that is logged in, and handlers under which the table goes away. */
  async function scene() {
    const faults = recordFaults();
    let back = async () => {};
    const away = async () => {
      back = await takeAway(stack);
    };
    const fragile: Routes<SessionContext> = {
      ...routes,
      '/count-in-the-dark': async (ctx) => {
        ctx.session.n = (ctx.session.n ?? 0) + 1;
        await away();
        ctx.body = String(ctx.session.n);
      },
      '/throw-in-the-dark': async (ctx) => {
        ctx.session.n = 1;
        await away();
        throw new Error('thrown by the handler');
      },
      '/logout-in-the-dark': async (ctx) => {
        ctx.session = null;
        await away();
      },
      '/save-in-the-dark': async (ctx) => {
        await away();
        await ctx.session.save();
      },
    };
    const app = await startApp(stack, fragile);
    const client = app.client();
    await client.get('/login');
    return { app, client, faults, away, back: () => back() };
  }

  it('K11: a get that fails is answered with 500, and the session is there afterwards', async () => {
    const { app, client, faults, away, back } = await scene();
    await away();
    expect(await client.get('/whoami')).toEqual({ status: 500, text: 'Internal Server Error', cookies: [] });
    expect(app.errors).toEqual([failed]);
    await back();
    expect(await client.get('/whoami')).toEqual({ status: 200, text: 'ada', cookies: [] });
    expect(faults).toEqual([]);
  });

  it.each([
    ['a set', '/count-in-the-dark'],
    ['a destroy', '/logout-in-the-dark'],
    ['a save by the handler', '/save-in-the-dark'],
    ['a set after the handler threw', '/throw-in-the-dark'],
  ])('K11: %s that fails is answered with 500, and the session stays as it was', async (_, path) => {
    const { app, client, faults, back } = await scene();
    const before = await onlyRow(stack);
    const { status, cookies } = await client.get(path);
    expect({ status, cookies }).toEqual({ status: 500, cookies: [] });
    expect(app.errors).toEqual([failed]);
    await back();
    expect(await onlyRow(stack)).toEqual(before);
    expect((await client.get('/whoami')).text).toBe('ada');
    expect(faults).toEqual([]);
  });
});
