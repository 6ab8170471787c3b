import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, it } from 'vitest';
import { called, coreOf, type Handler, routes, startApp } from './app.js';
import { aWhile, Gate, holdRow, until } from './obstacles.js';
import { describeStacks, rowsOf } from './stacks.js';

describeStacks('concurrency', 'express_concurrency', (stack) => {
  it.each([
    ['reads', () => {}],
    [
      'changes its cookie',
      (req) => {
        req.session.cookie.maxAge = 3_600_000;
      },
    ],
  ] satisfies [string, (req: Parameters<Handler>[0]) => void][])(
    'E12: a slow request that only %s leaves what two others wrote meanwhile',
    async (_, change) => {
      const gate = new Gate();
      const paths: Record<string, Handler> = {
        ...routes,
        '/slow': async (req, res) => {
          await gate.pass();
          change(req);
          res.end(String(req.session.n));
        },
      };
      const app = await startApp(stack, paths, { session: { cookie: { maxAge: 60_000 } } });
      const client = app.client();
      await client.get('/count');
      const slow = client.get('/slow');
      await gate.reached;
      await client.get('/count');
      await client.get('/login');
      gate.open();
      expect((await slow).text).toBe('1');
      expect((await client.get('/count')).text).toBe('3');
      expect((await client.get('/whoami')).text).toBe('ada');
    },
  );

  it('E13: a logout during a slow read is a logout', async () => {
    const gate = new Gate();
    const app = await startApp(stack, {
      ...routes,
      '/slow': async (req, res) => {
        await gate.pass();
        res.end(req.session.user);
      },
    });
    const client = app.client();
    await client.get('/login');
    const slow = client.get('/slow');
    await gate.reached;
    await client.get('/logout');
    gate.open();
    expect(await slow).toMatchObject({ status: 200, text: 'ada' });
    expect(await rowsOf(stack)).toEqual([]);
    expect((await client.get('/whoami')).text).toBe('nobody');
    expect(app.errors).toEqual([]);
  });

  it('E22: a redirect that is followed at the head of the answer sees what was written', async () => {
    let release = () => Promise.resolve();
    const app = await startApp(stack, {
      ...routes,
      '/login-and-go': async (req, res) => {
        req.session.user = 'bob';
        release = await holdRow(stack, req.sessionID);
        res.redirect('/whoami');
      },
    });
    const client = app.client();
    await client.get('/login');
    const redirect = await client.head('/login-and-go');
    expect(redirect.status).toBe(302);
    const followed = client.get('/whoami');
    await until(() => expect(app.arrived()).toBe(3));
    await aWhile();
    await release();
    expect((await followed).text).toBe('bob');
    expect(await redirect.text()).toContain('/whoami');
  });

  it('E24: a request keeps its AsyncLocalStorage while others wait for the pool', async () => {
    const knex = stack.database.server ? stack.database.open({ pool: { min: 0, max: 1 } }) : stack.knex();
    const context = new AsyncLocalStorage<string>();
    const seen = (req: Parameters<Handler>[0]) => `${req.query.as} in ${context.getStore()}`;
    const app = await startApp(
      stack,
      {
        '/save': async (req, res) => {
          const atStart = seen(req);
          req.session.n = (req.session.n ?? 0) + 1;
          await called((done) => req.session.save(done));
          const afterSave = seen(req);
          await called((done) => req.session.reload(done));
          res.end([atStart, afterSave, seen(req)].join());
        },
      },
      {
        core: await coreOf(stack, {}, knex),
        before: (req, _res, next) => context.run(String(req.query.as), next),
      },
    );
    try {
      const clients = Array.from({ length: 20 }, () => app.client());
      for (const round of ['first', 'second']) {
        const answers = await Promise.all(clients.map((client, i) => client.get(`/save?as=${round}-${i}`)));
        const expected = clients.map((_, i) => Array(3).fill(`${round}-${i} in ${round}-${i}`).join());
        expect(answers.map(({ text }) => text)).toEqual(expected);
      }
    } finally {
      if (knex !== stack.knex()) await knex.destroy();
    }
  });

  it('E24: a callback keeps its AsyncLocalStorage in each method of the store', async () => {
    const { store } = await startApp(stack, routes);
    const context = new AsyncLocalStorage<number>();
    const session = { cookie: { originalMaxAge: null } };
    const methods: ((done: () => void) => void)[] = [
      (done) => void store.get('a', done),
      (done) => void store.set('a', session, done),
      (done) => void store.touch('a', session, done),
      (done) => void store.destroy('a', done),
      (done) => void store.all(done),
      (done) => void store.length(done),
      (done) => void store.clear(done),
    ];
    const seen = await Promise.all(
      methods.map((method, i) =>
        context.run(i, () => new Promise((resolve) => method(() => resolve(context.getStore())))),
      ),
    );
    expect(seen).toEqual(methods.map((_, i) => i));
  });

  it('40 first saves of one sid at once leave one whole session', async () => {
    const app = await startApp(
      stack,
      {
        '/first': (req, res) => {
          req.session.user = String(req.query.as);
          res.end();
        },
        '/whoami': routes['/whoami'],
      },
      { session: { genid: () => 'the-same' } },
    );
    await Promise.all(Array.from({ length: 40 }, (_, i) => app.client().get(`/first?as=${i}`)));
    expect(app.errors).toEqual([]);
    expect((await rowsOf(stack)).map(({ sid }) => sid)).toEqual(['the-same']);
    expect(Number((await app.client().assume('the-same').get('/whoami')).text)).toBeLessThan(40);
  });
});
