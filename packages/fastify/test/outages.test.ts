import { expect, it, onTestFinished } from 'vitest';
import { FastifySessionStore, KnexSessionStore } from '../src/index.js';
import { asSession, called, coreOf, type Routes, routes, startApp } from './app.js';
import { aWhile, recordFaults, until } from './obstacles.js';
import { noSuchSocket, throughProxy } from './roads.js';
import { describeNewest, rowsOf } from './stacks.js';

const refused = { code: 'DATABASE', cause: { code: 'ECONNREFUSED' } };

describeNewest(
  'outages',
  'fastify_outages',
  (stack) => {
    const rows = () => rowsOf(stack, stack.knex());

    /** An application whose server can go away, also in the middle of a request, and a client that has a session. */
    async function scene(session = {}) {
      const faults = recordFaults();
      const { proxy, knex } = await throughProxy(stack);
      const core = await coreOf(stack, {}, knex);
      const dark = {
        '/count-in-the-dark': async (request) => {
          await proxy.stop();
          return routes['/count'](request);
        },
        '/logout-in-the-dark': async (request) => {
          await proxy.stop();
          await request.session.destroy().finally(() => expect(request.session).toBeNull());
        },
        '/save-in-the-dark': async ({ session }) => {
          await proxy.stop();
          session.user = 'bob';
          const outcomes: unknown[] = [];
          session.save((error) => outcomes.push(error));
          await until(() => expect(outcomes).toHaveLength(1));
          await expect(session.save()).rejects.toMatchObject(refused);
          await aWhile();
          await proxy.start();
          return outcomes.map((error) => String(Object(error).code)).join();
        },
        '/ignore-in-the-dark': async ({ session, sessionStore }) => {
          await proxy.stop();
          Reflect.apply(sessionStore.get, sessionStore, [session.sessionId]);
          Reflect.apply(sessionStore.set, sessionStore, [session.sessionId, session]);
          Reflect.apply(sessionStore.destroy, sessionStore, [session.sessionId]);
          return 'ignored';
        },
      } satisfies Routes;
      const app = await startApp(stack, { ...routes, ...dark }, { core, session });
      const client = app.client();
      await client.get('/login');
      return { app, client, faults, proxy };
    }

    it('F12: a request is answered with 500 and no cookie, and after the outage has its session', async () => {
      const { app, client, faults, proxy } = await scene();
      const { header } = client;
      await proxy.stop();
      for (let requests = 1; requests <= 3; requests++) {
        expect(await client.get('/whoami')).toEqual({ status: 500, text: 'failed', cookies: [] });
        expect(app.errors).toMatchObject(Array(requests).fill(refused));
      }
      await proxy.start();
      expect(await client.get('/whoami')).toEqual({ status: 200, text: 'ada', cookies: [] });
      expect(client.header).toBe(header);
      expect(faults).toEqual([]);
    });

    it('F12: a unix socket that is gone (ENOENT) is answered with 500 and no cookie, not with a new session', async () => {
      const faults = recordFaults();
      const healthy = await startApp(stack, routes);
      const client = healthy.client();
      await client.get('/login');
      const core = new KnexSessionStore(noSuchSocket(stack), { tableName: stack.table, sync: false });
      for (const session of [{}, { rolling: true, saveUninitialized: true }]) {
        const app = await startApp(stack, routes, { core, session });
        const visitor = app.client().assume(client.sid);
        expect(await visitor.get('/whoami')).toEqual({ status: 500, text: 'failed', cookies: [] });
        expect(await visitor.get('/count')).toEqual({ status: 500, text: 'failed', cookies: [] });
        const gone = { name: 'KssError', code: 'DATABASE', cause: { code: 'ENOENT' } };
        expect(app.errors).toMatchObject([gone, gone]);
        expect(visitor.sid).toBe(client.sid);
        expect(await app.client().get('/login')).toMatchObject({ status: 500, cookies: [] });
      }
      expect((await client.get('/whoami')).text).toBe('ada');
      expect(await rows()).toHaveLength(1);
      expect(faults).toEqual([]);
    });

    it('F13: a save at the end is answered with 500, once, and the stored session is as it was', async () => {
      const { app, client, faults, proxy } = await scene();
      const before = await rows();
      expect(await client.get('/count-in-the-dark')).toMatchObject({ status: 500, cookies: [] });
      expect(app.errors).toMatchObject([refused]);
      expect(await app.client().get('/login')).toMatchObject({ status: 500, cookies: [] });
      await proxy.start();
      expect(await rows()).toEqual(before);
      expect((await client.get('/count')).text).toBe('1');
      expect(faults).toEqual([]);
    });

    it('F9: a destroy is answered with 500, the request has no session any more, and the stored one lives', async () => {
      const { app, client, faults, proxy } = await scene({ rolling: true });
      expect(await client.get('/logout-in-the-dark')).toEqual({ status: 500, text: 'failed', cookies: [] });
      expect(app.errors).toMatchObject([refused]);
      await proxy.start();
      expect((await client.get('/whoami')).text).toBe('ada');
      expect(faults).toEqual([]);
    });

    it('F14: a save in the handler calls back once, or rejects, and the request can go on', async () => {
      const { app, client, faults } = await scene();
      expect(await client.get('/save-in-the-dark')).toMatchObject({ status: 200, text: 'DATABASE' });
      expect((await client.get('/whoami')).text).toBe('bob');
      expect(app.errors).toEqual([]);
      expect(faults).toEqual([]);
    });

    it('F14: calls without a callback whose promises nobody looks at end no process', async () => {
      const { client, faults, proxy } = await scene();
      expect(await client.get('/ignore-in-the-dark')).toMatchObject({ status: 200, text: 'ignored' });
      await aWhile();
      await proxy.start();
      expect((await client.get('/whoami')).text).toBe('ada');
      expect(faults).toEqual([]);
    });

    it('F14: each method of the store calls back once, and works again afterwards', async () => {
      const faults = recordFaults();
      const { proxy, knex } = await throughProxy(stack);
      const store = new FastifySessionStore(await coreOf(stack, {}, knex));
      const methods: ((done: (error?: unknown) => void) => Promise<unknown>)[] = [
        (done) => store.get('a-sid', done),
        (done) => store.set('a-sid', asSession({}), done),
        (done) => store.destroy('a-sid', done),
      ];
      await proxy.stop();
      for (const method of methods) {
        const outcomes: unknown[] = [];
        await expect(method((error) => outcomes.push(error))).rejects.toMatchObject(refused);
        await aWhile();
        expect(outcomes).toMatchObject([refused]);
      }
      await proxy.start();
      for (const method of methods) await called(method);
      expect(faults).toEqual([]);
    });

    it('F14: many requests at once are all answered, before, during and after the outage', async () => {
      const { client, faults, proxy } = await scene();
      const burst = () => Promise.all(Array.from({ length: 30 }, () => client.get('/whoami')));
      const before = burst();
      await proxy.stop();
      for (const { status } of await before) expect([200, 500]).toContain(status);
      for (const { status } of await burst()) expect(status).toBe(500);
      await proxy.start();
      for (const { text } of await burst()) expect(text).toBe('ada');
      expect(faults).toEqual([]);
    });

    it('F14: a server that says nothing is answered for when the time is over', async () => {
      const faults = recordFaults();
      const { proxy, knex } = await throughProxy(stack);
      const app = await startApp(stack, routes, { core: await coreOf(stack, { timeout: 1000 }, knex) });
      const client = app.client();
      await client.get('/login');
      proxy.stall();
      expect(await client.get('/whoami')).toEqual({ status: 500, text: 'failed', cookies: [] });
      expect(app.errors).toMatchObject([{ code: 'TIMEOUT' }]);
      expect(await app.client().get('/login')).toMatchObject({ status: 500, cookies: [] });
      proxy.resume();
      proxy.cut();
      await until(async () => expect((await client.get('/whoami')).text).toBe('ada'));
      expect(faults).toEqual([]);
    });

    it('F14: a server that is down at the start is used when it comes up', async () => {
      const faults = recordFaults();
      const heard: Error[] = [];
      const { proxy, knex } = await throughProxy(stack, false);
      const core = new KnexSessionStore(knex, { tableName: stack.table, onError: (error) => heard.push(error) });
      onTestFinished(() => core.close());
      const app = await startApp(stack, routes, { core });
      expect((await app.client().get('/ignore')).status).toBe(200);
      expect((await app.client().assume('from-before').get('/whoami')).status).toBe(500);
      await until(() => expect(heard).toMatchObject([{ name: 'KssError' }]));
      await proxy.start();
      const client = app.client();
      await client.get('/login');
      expect((await client.get('/whoami')).text).toBe('ada');
      expect(faults).toEqual([]);
    });
  },
  ['postgres', 'mariadb', 'mysql'],
);
