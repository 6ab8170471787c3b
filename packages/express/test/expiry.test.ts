import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { coreOf, type Handler, routes, startApp } from './app.js';
import { describeStacks, rowOf, rowsOf } from './stacks.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Within eight minutes, which no slow machine takes and no wrong unit reaches. */
const about = (ms: number): unknown => expect.closeTo(ms, -6);

/** A handler that changes the cookie and nothing else. */
function changing(change: (cookie: Parameters<Handler>[0]['session']['cookie']) => void): Handler {
  return (req, res) => {
    change(req.session.cookie);
    res.end('changed');
  };
}

describeStacks('expiry', 'express_expiry', (stack) => {
  const lifetimeOf = async (sid: string) => ((await rowOf(stack, sid))?.expire_at ?? Number.NaN) - Date.now();
  const cookieOf = async (sid: string) => JSON.parse((await rowOf(stack, sid))?.additional ?? '{}').cookie;

  it('E4: a maxAge that one request changes, and nothing else, is there at the next one', async () => {
    const core = await coreOf(stack);
    const paths = {
      ...routes,
      '/longer': changing((cookie) => {
        cookie.maxAge = 5 * HOUR;
      }),
      '/cookie': ((req, res) => res.end(String(req.session.cookie.originalMaxAge))) satisfies Handler,
    };
    const app = await startApp(stack, paths, { core, session: { cookie: { maxAge: HOUR } } });
    const client = app.client();
    await client.get('/login');
    expect(await lifetimeOf(client.sid())).toEqual(about(HOUR));

    await client.get('/longer');
    expect(Number((await client.get('/cookie')).text)).toEqual(about(5 * HOUR));
    expect(await lifetimeOf(client.sid())).toEqual(about(5 * HOUR));
    const { cookie } = (await app.store.get(client.sid())) ?? {};
    expect(new Date(cookie?.expires ?? 0).getTime() - Date.now()).toEqual(about(5 * HOUR));
    expect((await client.get('/whoami')).text).toBe('ada');
  });

  it('E4: another attribute of the cookie that one request changes is there at the next one', async () => {
    const paths = {
      ...routes,
      '/strict': changing((cookie) => {
        cookie.sameSite = 'strict';
      }),
    };
    const client = (await startApp(stack, paths, { session: { rolling: true, cookie: { maxAge: HOUR } } })).client();
    expect((await client.get('/login')).cookies[0]).not.toContain('SameSite');
    await client.get('/strict');
    expect((await client.get('/whoami')).cookies[0]).toContain('SameSite=Strict');
    expect(await cookieOf(client.sid())).toMatchObject({ sameSite: 'strict', originalMaxAge: about(HOUR) });
  });

  it('E5: a maxAge of null lives as long as the core says, and its cookie as long as the browser', async () => {
    const core = await coreOf(stack, { maxAge: 3 * DAY });
    const paths = {
      ...routes,
      '/browser': changing((cookie) => Object.assign(cookie, { maxAge: null })),
    };
    const app = await startApp(stack, paths, { core, session: { cookie: { maxAge: HOUR } } });
    const client = app.client();
    expect((await client.get('/login')).cookies[0]).toContain('Expires=');
    await client.get('/browser');
    expect(await lifetimeOf(client.sid())).toEqual(about(3 * DAY));
    expect(await cookieOf(client.sid())).toMatchObject({ expires: null, originalMaxAge: null });
    expect((await client.get('/count')).text).toBe('1');
    expect(await lifetimeOf(client.sid())).toEqual(about(3 * DAY));
    expect(await cookieOf(client.sid())).toMatchObject({ expires: null, originalMaxAge: null });
  });

  it('E5: a cookie without a maxAge lives a day where nobody says anything', async () => {
    const client = (await startApp(stack, routes)).client();
    expect((await client.get('/login')).cookies[0]).not.toContain('Expires=');
    expect(await lifetimeOf(client.sid())).toEqual(about(DAY));
    await client.get('/whoami');
    expect(await lifetimeOf(client.sid())).toEqual(about(DAY));
  });

  it('E6: an expires of false means the same, and stays false', async () => {
    const paths = { ...routes, '/browser': changing((cookie) => Object.assign(cookie, { expires: false })) };
    const client = (await startApp(stack, paths, { session: { cookie: { maxAge: HOUR } } })).client();
    await client.get('/login');
    for (const path of ['/browser', '/whoami', '/count']) {
      await client.get(path);
      expect(await lifetimeOf(client.sid())).toEqual(about(DAY));
      expect(await cookieOf(client.sid())).toMatchObject({ expires: false });
    }
  });

  it('E7: a maxAge of 5 ms is over after 20 ms; the row waits for the collector', async () => {
    const core = await coreOf(stack);
    const app = await startApp(stack, routes, { core, session: { cookie: { maxAge: 5 } } });
    const client = app.client();
    expect((await client.get('/count')).text).toBe('1');
    const expired = client.sid();
    await sleep(20);
    expect(await app.store.all()).toEqual([]);
    expect(await app.store.length()).toBe(0);
    expect((await rowsOf(stack)).map((row) => row.sid)).toEqual([expired]);

    expect((await client.get('/count')).text).toBe('1');
    expect(client.sid()).not.toBe(expired);
    await sleep(20);
    expect(await core.gc()).toBe(2);
    expect(await rowsOf(stack)).toEqual([]);
    expect(app.errors).toEqual([]);
  });

  it.each([
    ['0', 0],
    ['negative', -MINUTE],
  ])('a maxAge that becomes %s ends the session, changed or not', async (_, maxAge) => {
    const paths = {
      ...routes,
      '/over': changing((cookie) => {
        cookie.maxAge = maxAge;
      }),
      '/changed-and-over': ((req, res) => {
        req.session.n = 7;
        req.session.cookie.maxAge = maxAge;
        res.end('over');
      }) satisfies Handler,
    };
    const app = await startApp(stack, paths);
    for (const path of ['/over', '/changed-and-over']) {
      const client = app.client();
      await client.get('/login');
      expect((await client.get(path)).status).toBe(200);
      expect((await client.get('/whoami')).text).toBe('nobody');
      expect(await app.store.length()).toBe(0);
    }
    expect(app.errors).toEqual([]);
  });

  it('a maxAge of Infinity, which a cookie cannot hold, leaves a session of the browser', async () => {
    const paths = {
      ...routes,
      '/forever': changing((cookie) => {
        cookie.maxAge = Number.POSITIVE_INFINITY;
      }),
    };
    const app = await startApp(stack, paths, { session: { cookie: { maxAge: HOUR } } });
    const client = app.client();
    await client.get('/login');
    await client.get('/forever');
    expect((await client.get('/whoami')).text).toBe('ada');
    expect(await lifetimeOf(client.sid())).toEqual(about(DAY));
    expect(app.errors).toEqual([]);
  });

  it('with rolling, every answer carries the cookie and moves the expiry', async () => {
    const client = (await startApp(stack, routes, { session: { rolling: true, cookie: { maxAge: HOUR } } })).client();
    await client.get('/login');
    const sid = client.sid();
    const before = (await rowOf(stack, sid))?.expire_at ?? Number.POSITIVE_INFINITY;
    await sleep(20);
    expect((await client.get('/whoami')).cookies).toHaveLength(1);
    expect(client.sid()).toBe(sid);
    expect((await rowOf(stack, sid))?.expire_at).toBeGreaterThan(before);
  });
});
