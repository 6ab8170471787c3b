import { expect, it, vi } from 'vitest';
import { startApp } from './app.js';
import { type Routes, routes, type SessionContext } from './contexts.js';
import { aWhile } from './obstacles.js';
import { describeStacks, onlyRow, SESSION } from './stacks.js';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const EXTRA = 10_000; // what koa-session adds, so that the row outlives the cookie

const aging: Routes<SessionContext> = {
  ...routes,
  '/an-hour': (ctx) => {
    ctx.session.maxAge = HOUR;
    ctx.body = 'set';
  },
  '/max-age': (ctx) => {
    ctx.body = String(ctx.session.maxAge);
  },
};

describeStacks('lifetimes', 'koa_session_lifetime', SESSION, (stack) => {
  async function start(session: object) {
    const app = await startApp(stack, aging, { session });
    return { ...app, client: app.client() };
  }

  /** Expects that the row lives so long from the request on. */
  async function expectLifetime(ms: number, request: () => Promise<unknown>) {
    const before = Date.now();
    await request();
    const { expire_at, additional } = await onlyRow(stack);
    expect(expire_at).toBeGreaterThanOrEqual(before + ms);
    expect(expire_at).toBeLessThanOrEqual(Date.now() + ms);
    return JSON.parse(additional);
  }

  it('K2: the row outlives the cookie by ten seconds', async () => {
    const { client } = await start({ maxAge: HOUR });
    const session = await expectLifetime(HOUR + EXTRA, () => client.get('/login'));
    expect(session).toEqual({ user: 'ada', _maxAge: HOUR, _expire: expect.any(Number) });
  });

  it("K3: a maxAge of 'session' lives for the lifetime of the store, and stays 'session'", async () => {
    const { client } = await start({ maxAge: 'session' });
    for (const path of ['/login', '/count', '/count']) {
      let cookies: readonly string[] = [];
      const session = await expectLifetime(DAY, async () => {
        ({ cookies } = await client.get(path));
      });
      expect(cookies).not.toEqual([]);
      expect(cookies.join()).not.toMatch(/expires/i);
      expect(session).toMatchObject({ user: 'ada', _session: true });
      expect(session).not.toHaveProperty('_expire');
    }
    expect((await client.get('/whoami')).text).toBe('ada');
  });

  it.each([[0], [undefined]])('K4: a maxAge of %s means a day', async (maxAge) => {
    const { client } = await start({ maxAge });
    await expectLifetime(DAY + EXTRA, () => client.get('/login'));
    expect((await client.get('/whoami')).text).toBe('ada');
  });

  it('K5: a maxAge that a request sets is kept', async () => {
    const { client } = await start({ maxAge: DAY });
    await client.get('/login');
    await expectLifetime(HOUR + EXTRA, () => client.get('/an-hour'));
    expect((await client.get('/max-age')).text).toBe(String(HOUR));
    await expectLifetime(HOUR + EXTRA, () => client.get('/count'));
  });

  it('K6: with rolling, every request moves the expiry', async () => {
    const { client } = await start({ rolling: true });
    await client.get('/login');
    for (let requests = 0; requests < 3; requests++) {
      const before = await onlyRow(stack);
      await aWhile(5);
      expect((await client.get('/whoami')).text).toBe('ada');
      expect((await onlyRow(stack)).expire_at).toBeGreaterThan(before.expire_at);
    }
  });

  it('K7: with renew, a request moves the expiry once half of the life is over', async () => {
    const { client, store } = await start({ renew: true, maxAge: HOUR });
    await client.get('/login');
    const set = vi.spyOn(store, 'set');
    await client.get('/whoami');
    expect(set).not.toHaveBeenCalled();
    const { additional } = await onlyRow(stack);
    const older = { ...JSON.parse(additional), _expire: Date.now() + HOUR / 2 - 1000 };
    await stack
      .knex()(stack.table)
      .update({ additional: JSON.stringify(older) });
    const session = await expectLifetime(HOUR + EXTRA, () => client.get('/whoami'));
    expect(set).toHaveBeenCalledTimes(1);
    expect(session._expire).toBeGreaterThan(older._expire);
  });
});
