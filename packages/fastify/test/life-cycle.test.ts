import { expect, it } from 'vitest';
import { called, coreOf, type Routes, routes, startApp } from './app.js';
import { describeStacks, rowsOf } from './stacks.js';

const HOUR = 3_600_000;
const lasting = { secure: false, maxAge: HOUR };

describeStacks('a life', 'fastify_life', (stack) => {
  const rows = () => rowsOf(stack, stack.knex());
  /** Moves the end of every session into the past. */
  const expireAll = () =>
    stack
      .knex()(stack.table)
      .update('expire_at', Date.now() - 1000);

  it('F4: what a request writes the next one reads, under the same sid', async () => {
    const note = { deep: [1, 'two', null, { three: 3 }], text: 'ünï–☃💥' };
    const app = await startApp(stack, {
      ...routes,
      '/write': (request) => {
        request.session.note = note;
        return 'written';
      },
      '/read': (request) => ({ note: request.session.note, n: request.session.n, user: request.session.user }),
    });
    const client = app.client();
    await client.get('/login');
    const { sid } = client;
    await client.get('/write');
    for (const n of ['1', '2', '3']) expect((await client.get('/count')).text).toBe(n);
    expect(JSON.parse((await client.get('/read')).text)).toEqual({ note, n: 3, user: 'ada' });
    expect(client.sid).toBe(sid);
    expect(await rows()).toMatchObject([{ sid, session: { note, n: 3, user: 'ada' } }]);
    expect((await app.client().get('/whoami')).text).toBe('nobody');
    expect(app.errors).toEqual([]);
  });

  it('F4: a session key that has a column is in the column, and in the session', async () => {
    const core = await coreOf(stack, { schemas: [{ name: 'user', type: 'string', args: [100], index: true }] });
    const client = (await startApp(stack, routes, { core })).client();
    await client.get('/login');
    expect((await client.get('/whoami')).text).toBe('ada');
    expect(await rows()).toMatchObject([{ session: expect.not.objectContaining({ user: 'ada' }) }]);
    expect(await core.find({ user: 'ada' }, { current: String(client.sid) })).toMatchObject([{ current: true }]);
    expect(await core.destroyWhere({ user: 'ada' })).toBe(1);
    expect((await client.get('/whoami')).text).toBe('nobody');
  });

  it('F5: the row ends when the cookie does, and a request with rolling on moves both', async () => {
    const app = await startApp(stack, routes, { session: { rolling: true, cookie: lasting } });
    const client = app.client();
    for (const path of ['/login', '/whoami', '/count']) {
      const [cookie = ''] = (await client.get(path)).cookies;
      const sent = Date.parse(/Expires=([^;]+)/.exec(cookie)?.[1] ?? '');
      const [row] = await rows();
      const stored = Date.parse(String(row?.session.cookie.expires));
      // The header has whole seconds. The core reads the clock a moment before the cookie does.
      expect(Math.abs(Number(row?.expire_at) - stored)).toBeLessThan(1000);
      expect(Math.abs(Number(row?.expire_at) - sent)).toBeLessThan(2000);
      expect(sent).toBeGreaterThan(Date.now() + HOUR - 60_000);
      await stack
        .knex()(stack.table)
        .update('expire_at', Date.now() + HOUR / 2);
    }
  });

  it("F6: a session whose cookie has no end lives for the store's maxAge", async () => {
    const app = await startApp(stack, routes, { core: await coreOf(stack, { maxAge: 2 * HOUR }) });
    const client = app.client();
    const began = Date.now();
    const [cookie] = (await client.get('/login')).cookies;
    expect(cookie).not.toMatch(/expires|max-age/i);
    const [row] = await rows();
    expect(row?.session.cookie).toMatchObject({ expires: null, originalMaxAge: null });
    expect(Number(row?.expire_at)).toBeGreaterThanOrEqual(began + 2 * HOUR);
    expect(Number(row?.expire_at)).toBeLessThanOrEqual(Date.now() + 2 * HOUR);
    expect((await client.get('/whoami')).text).toBe('ada');
  });

  it.each([
    ['that ends with its cookie', lasting],
    ['whose cookie has no end', { secure: false }],
  ])('F7: an expired session %s is not read, and no empty one is made for it', async (_, cookie) => {
    const app = await startApp(stack, routes, { session: { cookie } });
    const client = app.client();
    await client.get('/login');
    const { sid } = client;
    await expireAll();
    expect(await client.assume(sid).get('/whoami')).toMatchObject({ status: 200, text: 'nobody' });
    expect((await rows()).map((row) => row.sid)).toEqual([sid]);
    expect((await client.assume(sid).get('/count')).text).toBe('1');
    expect(client.sid).not.toBe(sid);
    expect((await rows()).map((row) => row.sid)).toEqual([sid, client.sid]);
    expect((await client.get('/count')).text).toBe('2');
    expect((await app.client().assume(sid).get('/whoami')).text).toBe('nobody');
    expect(app.errors).toEqual([]);
  });

  it.each([
    ['a promise', true],
    ['a callback', false],
  ])('F8: regenerate by %s gives a new sid, with the keys that are named', async (_, byPromise) => {
    const app = await startApp(stack, {
      ...routes,
      '/regenerate': async (request) => {
        const { session } = request;
        await (byPromise ? session.regenerate() : called((done) => session.regenerate(done)));
        request.session.user = 'bob';
        return 'new';
      },
      '/regenerate-with-n': async ({ session }) => {
        await (byPromise ? session.regenerate(['n']) : called((done) => session.regenerate(['n'], done)));
        return 'new';
      },
    });
    const client = app.client();
    await client.get('/login');
    await client.get('/count');
    const { sid: first } = client;
    await client.get('/regenerate');
    const { sid: second } = client;
    expect(second).not.toBe(first);
    expect((await client.get('/whoami')).text).toBe('bob');
    expect((await client.get('/count')).text).toBe('1');
    await client.get('/regenerate-with-n');
    expect(client.sid).not.toBe(second);
    expect((await client.get('/whoami')).text).toBe('nobody');
    expect((await client.get('/count')).text).toBe('2');
    // Trap: before 11.1.3, regenerate leaves the old session alive.
    const old = stack.major === 4 ? [first, second] : [];
    expect((await rows()).map((row) => row.sid).sort()).toEqual([...old, client.sid].sort());
    expect((await app.client().assume(first).get('/whoami')).text).toBe(stack.major === 4 ? 'ada' : 'nobody');
    expect(app.errors).toEqual([]);
  });

  it.each([
    ['a promise', true],
    ['a callback', false],
  ])('F9: destroy by %s ends the session, and the request has none any more', async (_, byPromise) => {
    const app = await startApp(stack, {
      ...routes,
      '/end': async (request) => {
        const { session } = request;
        await (byPromise ? session.destroy() : called((done) => session.destroy(done)));
        return String(request.session);
      },
    });
    const client = app.client();
    await client.get('/login');
    const { sid } = client;
    expect((await client.get('/end')).text).toBe('null');
    expect(await rows()).toEqual([]);
    expect((await client.assume(sid).get('/whoami')).text).toBe('nobody');
    await client.assume(sid).get('/login');
    expect(client.sid).not.toBe(sid);
    expect(app.errors).toEqual([]);
  });

  it('F16: what JSON changes comes back changed: a Date as text, a Map as an empty object', async () => {
    const day = new Date('2030-01-02T03:04:05.678Z');
    const app = await startApp(stack, {
      '/write': (request) => {
        request.session.note = { day, map: new Map([['a', 1]]), gone: undefined };
        return 'written';
      },
      '/read': ({ session }) => JSON.stringify(session.note),
    } satisfies Routes);
    const client = app.client();
    await client.get('/write');
    expect(JSON.parse((await client.get('/read')).text)).toEqual({ day: day.toISOString(), map: {} });
  });
});
