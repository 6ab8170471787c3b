import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyRequest, Session } from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { asSession, called, coreOf, type Routes, routes, startApp } from './app.js';
import { describeStacks, rowsOf } from './stacks.js';

const REQUESTS = 20;

describeStacks('concurrency', 'fastify_concurrency', (stack) => {
  it('F19: each of 20 requests keeps its AsyncLocalStorage while they share two connections', async () => {
    const knex = stack.database.server ? stack.database.open({ pool: { min: 0, max: 2 } }) : stack.knex();
    onTestFinished(async () => void (knex !== stack.knex() && (await knex.destroy())));
    const context = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    const see = ({ url }: FastifyRequest) => seen.push(`${url} in ${context.getStore()}`);
    const app = await startApp(
      stack,
      {
        '/count': async (request) => {
          see(request);
          request.session.n = (request.session.n ?? 0) + 1;
          await request.session.save();
          see(request);
          await request.session.reload();
          see(request);
          await called((done) => request.session.save(() => done(see(request) < 0)));
          await request.session.regenerate(['n']);
          see(request);
          return String(request.session.n);
        },
      } satisfies Routes,
      {
        core: await coreOf(stack, {}, knex),
        before: (fastify) => fastify.addHook('onRequest', (request, _reply, done) => context.run(request.url, done)),
        after: (fastify) => {
          fastify.addHook('onRequest', async (request) => void see(request));
          fastify.addHook('onSend', async (request) => void see(request));
        },
      },
    );
    const clients = Array.from({ length: REQUESTS }, () => app.client());
    for (const n of [1, 2, 3]) {
      const answers = await Promise.all(clients.map((client, i) => client.get(`/count?as=${i}&n=${n}`)));
      expect(answers.map(({ text }) => text)).toEqual(Array(REQUESTS).fill(String(n)));
    }
    expect(seen).toHaveLength(3 * 7 * REQUESTS);
    for (const line of seen) expect(line).toMatch(/^(\S+) in \1$/);
    expect(app.errors).toEqual([]);
  });

  it('F19: a callback is called in the AsyncLocalStorage of the call, in each method of the store', async () => {
    const { store } = await startApp(stack, {});
    const context = new AsyncLocalStorage<number>();
    const session = asSession({ cookie: { originalMaxAge: null } });
    const methods: ((done: () => void) => unknown)[] = [
      (done) => store.get('a-sid', done),
      (done) => store.set('a-sid', session, done),
      (done) => store.get('a-sid', done),
      (done) => store.destroy('a-sid', done),
    ];
    const seen = methods.map((method, i) =>
      context.run(i, () => called<number>((done) => method(() => done(null, context.getStore())))),
    );
    expect(await Promise.all(seen)).toEqual(methods.map((_, i) => i));
  });

  it('F22: of get, get, set and get at once, the last sees what was set, and each has an object of its own', async () => {
    const app = await startApp(stack, {
      ...routes,
      '/at-once': async ({ session, sessionStore }) => {
        const { sessionId } = session;
        const get = () => called<Session | null>((done) => sessionStore.get(sessionId, done));
        session.note = 'set';
        const before = [get(), get()];
        const set = called((done) => sessionStore.set(sessionId, session, done));
        session.note = 'changed after the call';
        const read = await Promise.all([...before, get()]);
        await set;
        return { notes: read.map((one) => one?.note ?? 'none'), objects: new Set(read).size };
      },
    });
    const client = app.client();
    await client.get('/login');
    expect(JSON.parse((await client.get('/at-once')).text)).toEqual({ notes: ['none', 'none', 'set'], objects: 3 });
    expect(await rowsOf(stack, stack.knex())).toMatchObject([{ session: { note: 'changed after the call' } }]);
  });

  it('F22: 30 requests of one session at once, half of them reading, are all answered with it', async () => {
    const app = await startApp(stack, routes);
    const client = app.client();
    await client.get('/login');
    const { sid } = client;
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => client.get(i % 2 === 0 ? '/whoami' : '/count')),
    );
    for (const [i, { status, text }] of answers.entries()) {
      expect(status).toBe(200);
      if (i % 2 === 0) expect(text).toBe('ada');
      else expect(Number(text)).toBeGreaterThan(0);
    }
    expect(client.sid).toBe(sid);
    expect(await rowsOf(stack, stack.knex())).toHaveLength(1);
    expect(app.errors).toEqual([]);
  });

  it('F22: 20 first requests at once make 20 sessions', async () => {
    const app = await startApp(stack, routes);
    const clients = Array.from({ length: REQUESTS }, () => app.client());
    await Promise.all(clients.map((client) => client.get('/count')));
    for (const client of clients) expect((await client.get('/count')).text).toBe('2');
    expect(new Set(clients.map(({ sid }) => sid)).size).toBe(REQUESTS);
    expect(await rowsOf(stack, stack.knex())).toHaveLength(REQUESTS);
  });
});
