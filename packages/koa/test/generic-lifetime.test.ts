import { expect, it } from 'vitest';
import { startApp } from './app.js';
import { type GenericContext, type Routes, routes } from './contexts.js';
import { until } from './obstacles.js';
import { describeStacks, EVERYWHERE, GENERIC, onlyRow } from './stacks.js';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const LAST_INSTANT = 8_640_000_000_000_000;

const aging: Routes<GenericContext> = {
  ...routes,
  '/expires-in-an-hour': (ctx) => {
    ctx.session.cookie.expires = new Date(Date.now() + HOUR);
    ctx.body = 'set';
  },
  '/expires': (ctx) => {
    const { expires } = ctx.session.cookie;
    ctx.body = expires instanceof Date ? expires.toISOString() : `no Date: ${expires}`;
  },
  '/max-age-60000': (ctx) => {
    ctx.session.cookie.maxAge = 60_000;
    ctx.body = 'set';
  },
  '/max-age': (ctx) => {
    ctx.body = String(ctx.session.cookie.maxAge);
  },
};

describeStacks(
  'lifetimes',
  'koa_generic_lifetime',
  GENERIC,
  (stack) => {
    /** Logs in, and expects that the row lives so long from then on. */
    async function expectLifetime(session: object, ms: number) {
      const client = (await startApp(stack, aging, { session })).client();
      const before = Date.now();
      const { cookies } = await client.get('/login');
      const { expire_at } = await onlyRow(stack);
      expect(expire_at).toBeGreaterThanOrEqual(before + ms);
      expect(expire_at).toBeLessThanOrEqual(Date.now() + ms);
      return { client, cookies };
    }

    it.each([
      ['G5: without a maxAge', { cookie: { maxAge: null } }],
      ['G6: with a maxAge of 0', { cookie: { maxAge: 0 } }],
    ])('%s, the cookie lives as long as the browser, and the row for the lifetime of the store', async (_, session) => {
      const { client, cookies } = await expectLifetime(session, DAY);
      expect(cookies.join()).not.toMatch(/expires/i);
      expect((await client.get('/whoami')).text).toBe('ada');
      expect((await client.get('/count')).text).toBe('1');
      expect((await client.get('/whoami')).text).toBe('ada');
    });

    it('G7: a session whose ttl is over is gone, though its cookie lives', async () => {
      const { client } = await expectLifetime({ ttl: 777 }, 777);
      const sid = client.cookie('koa.sid');
      await until(async () => expect((await client.copy().get('/whoami')).text).toBe('nobody'));
      expect((await onlyRow(stack)).sid).toBe(`koa:sess:${sid}`);
      expect((await client.get('/count')).text).toBe('1');
      expect(client.cookie('koa.sid')).not.toBe(sid);
    });

    it('G8: a ttl without an end', async () => {
      const client = (await startApp(stack, routes, { session: { ttl: Number.POSITIVE_INFINITY } })).client();
      await client.get('/login');
      expect((await onlyRow(stack)).expire_at).toBe(LAST_INSTANT);
      expect((await client.get('/whoami')).text).toBe('ada');
    });

    // koa-generic-session 1 hands the function on; then the cookie says how long.
    it(`G8: a ttl that is a function ${stack.generators ? 'counts as none' : 'is asked'}`, async () => {
      const { client } = await expectLifetime({ ttl: () => HOUR }, stack.generators ? DAY : HOUR);
      expect((await client.get('/whoami')).text).toBe('ada');
    });

    it('G9: a cookie.expires comes back as a Date, and the session can be changed', async () => {
      const client = (await startApp(stack, aging)).client();
      const before = Date.now();
      await client.get('/expires-in-an-hour');
      const { expire_at } = await onlyRow(stack);
      expect(Math.abs(expire_at - before - HOUR)).toBeLessThan(20_000);
      const expires = (await client.get('/expires')).text;
      expect(Math.abs(Date.parse(expires) - before - HOUR)).toBeLessThan(20_000);
      expect(await client.get('/count')).toMatchObject({ status: 200, text: '1' });
      expect(Math.abs((await onlyRow(stack)).expire_at - Date.parse(expires))).toBeLessThan(1000);
      expect((await client.get('/expires')).text).toBe(expires);
    });

    it('G10: a cookie.maxAge that a request changes is kept', async () => {
      const client = (await startApp(stack, aging)).client();
      await client.get('/login');
      const before = Date.now();
      await client.get('/max-age-60000');
      const { expire_at } = await onlyRow(stack);
      expect(expire_at).toBeGreaterThanOrEqual(before + 60_000);
      expect(expire_at).toBeLessThanOrEqual(Date.now() + 60_000);
      expect((await client.get('/max-age')).text).toBe('60000');
      expect((await client.get('/whoami')).text).toBe('ada');
    });
  },
  EVERYWHERE,
);
