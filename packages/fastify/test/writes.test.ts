import { expect, it } from 'vitest';
import { routes, startApp } from './app.js';
import { describeStacks, rowsOf, statementsOf } from './stacks.js';

const HOUR = 3_600_000;

describeStacks('what is written, and when', 'fastify_writes', (stack) => {
  const statements = (run: () => Promise<unknown>) => statementsOf(stack.knex(), run);
  const rows = () => rowsOf(stack, stack.knex());

  it("F1: trap: with the plugin's defaults each request writes, and one without a cookie leaves a row", async () => {
    const app = await startApp(stack, routes, { session: 'defaults' });
    const https = { 'x-forwarded-proto': 'https' };
    const client = app.client();
    expect(await statements(() => client.get('/ignore', https))).toEqual(['insert']);
    for (const path of ['/ignore', '/count', '/count', '/there-is-no-such-path']) {
      expect([path, await statements(() => client.get(path, https))]).toEqual([path, ['select', 'update']]);
    }
    expect(await rows()).toHaveLength(1);
    for (const [i, path] of ['/ignore', '/ignore', '/there-is-no-such-path'].entries()) {
      expect(await statements(() => app.client().get(path, https))).toEqual(['insert']);
      expect(await rows()).toHaveLength(i + 2);
    }
    expect(app.errors).toEqual([]);
  });

  it("F1: trap: the plugin's defaults keep no session at all over plain http", async () => {
    const app = await startApp(stack, routes, { session: 'defaults' });
    const client = app.client();
    expect(await statements(() => client.get('/login'))).toEqual([]);
    expect((await client.get('/whoami')).text).toBe('nobody');
    expect(client.jar.size).toBe(0);
  });

  it('F2: with rolling and saveUninitialized off, a request that changes nothing writes nothing', async () => {
    const client = (await startApp(stack, routes)).client();
    expect(await statements(() => client.get('/ignore'))).toEqual([]);
    expect(client.jar.size).toBe(0);
    expect(await statements(() => client.get('/login'))).toEqual(['insert']);
    expect(await statements(() => client.get('/whoami'))).toEqual(['select']);
    expect(await statements(() => client.get('/count'))).toEqual(['select', 'update']);
    expect(await statements(() => client.get('/whoami'))).toEqual(['select']);
    expect(await rows()).toHaveLength(1);
  });

  it('F2: trap: with rolling off, a session that is only read ends at its first end', async () => {
    const app = await startApp(stack, routes, { session: { cookie: { secure: false, maxAge: HOUR } } });
    const client = app.client();
    await client.get('/login');
    const [before] = await rows();
    expect((await client.get('/whoami')).cookies).toEqual([]);
    expect(await rows()).toEqual([before]);
  });

  it('F3: with both off, a path that is not there leaves no row', async () => {
    const app = await startApp(stack, routes);
    for (let i = 0; i < 3; i++) {
      const client = app.client();
      expect(await statements(() => client.get('/there-is-no-such-path'))).toEqual([]);
      expect(client.jar.size).toBe(0);
    }
    expect(await rows()).toEqual([]);
  });

  it.each([
    ['a promise', true],
    ['a callback', false],
  ])('F11: a save in the handler, by %s, is the only one of the request', async (_, byPromise) => {
    const app = await startApp(stack, {
      ...routes,
      '/save': async (request) => {
        request.session.n = (request.session.n ?? 0) + 1;
        const { session } = request;
        await (byPromise ? session.save() : new Promise<void>((resolve) => session.save(() => resolve())));
        return String(session.isModified());
      },
    });
    const client = app.client();
    expect(await statements(() => client.get('/save'))).toEqual(['insert']);
    const { sid } = client;
    expect(await statements(() => client.get('/save'))).toEqual(['select', 'update']);
    expect((await client.get('/save')).text).toBe('false');
    expect(client.sid).toBe(sid);
    expect(await rows()).toMatchObject([{ sid, session: { n: 3 } }]);
  });

  it('F17: a lifetime that a request gives is kept, with rolling on', async () => {
    const paths = {
      ...routes,
      '/remember': ((request) => {
        request.session.cookie.maxAge = 24 * HOUR;
        return 'remembered';
      }) satisfies (typeof routes)['/login'],
    };
    const app = await startApp(stack, paths, { session: { rolling: true, cookie: { secure: false, maxAge: HOUR } } });
    const client = app.client();
    await client.get('/login');
    await client.get('/remember');
    const { originalMaxAge } = (await rows())[0]?.session.cookie ?? {};
    expect(originalMaxAge).toBe(24 * HOUR);
    const [cookie = ''] = (await client.get('/whoami')).cookies;
    const end = Date.parse(/Expires=([^;]+)/.exec(cookie)?.[1] ?? '');
    expect(end - Date.now()).toBeGreaterThan(23 * HOUR);
    expect((await rows())[0]?.expire_at).toBeGreaterThan(Date.now() + 23 * HOUR);
  });

  it('F17: trap: with rolling off, a request that gives only a lifetime saves nothing', async () => {
    const app = await startApp(stack, {
      ...routes,
      '/remember': (request) => {
        request.session.cookie.maxAge = 24 * HOUR;
        return 'remembered';
      },
    });
    const client = app.client();
    await client.get('/login');
    const before = await rows();
    expect(await statements(() => client.get('/remember'))).toEqual(['select']);
    expect(await rows()).toEqual(before);
  });
});
