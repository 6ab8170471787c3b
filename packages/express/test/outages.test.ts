import { KnexSessionStore } from '@kss/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { called, coreOf, routes, startApp } from './app.js';
import { aWhile, recordFaults, until } from './obstacles.js';
import { type Road, socketRoad, tcpRoad } from './roads.js';
import { describeNewest, rowsOf } from './stacks.js';

describeNewest(
  'outages',
  'express_outages',
  (stack) => {
    describe.each([
      ['a port that refuses', tcpRoad, 'ECONNREFUSED'],
      ['a unix socket that is gone', socketRoad, 'ENOENT'],
    ] as const)('%s', (_, build, code) => {
      const refused = expect.objectContaining({ code: 'DATABASE', cause: expect.objectContaining({ code }) });

      /** An application whose database can go away, also in the middle of a request. */
      async function scene() {
        const faults = recordFaults();
        const road: Road = await build(stack);
        const core = await coreOf(stack, {}, road.knex);
        const app = await startApp(
          stack,
          {
            ...routes,
            '/count-in-the-dark': async (req, res) => {
              req.session.n = (req.session.n ?? 0) + 1;
              await road.down();
              res.end(String(req.session.n));
            },
            '/whoami-in-the-dark': async (req, res) => {
              await road.down();
              res.end(req.session.user);
            },
            '/logout-in-the-dark': async (req, res) => {
              await road.down();
              const error = await called((done) => req.session.destroy(done)).catch((caught) => caught);
              res.end(error.code);
            },
            '/forget-in-the-dark': async (req, res) => {
              await road.down();
              Reflect.apply(req.session.destroy, req.session, []); // as code without types calls it
              res.end('sent');
            },
          },
          { core },
        );
        const client = app.client();
        await client.get('/login');
        return { app, client, faults, road };
      }

      it('E14: a request is answered with 500 and keeps its cookie, and after the outage its session', async () => {
        const { app, client, faults, road } = await scene();
        const { cookieHeader } = client;
        await road.down();
        for (let requests = 1; requests <= 3; requests++) {
          expect(await client.get('/whoami')).toEqual({ status: 500, text: 'failed', cookies: [] });
          expect(app.errors).toEqual(Array(requests).fill(refused));
        }
        await road.up();
        expect(await client.get('/whoami')).toEqual({ status: 200, text: 'ada', cookies: [] });
        expect(client.cookieHeader).toBe(cookieHeader);
        await aWhile();
        expect(app.errors).toHaveLength(3);
        expect(faults).toEqual([]);
      });

      it('E14: many requests at once are all answered', async () => {
        const { app, client, faults, road } = await scene();
        const burst = () => Promise.all(Array.from({ length: 30 }, () => client.get('/whoami')));
        const before = burst();
        await road.down();
        for (const { status } of await before) expect([200, 500]).toContain(status);
        for (const { status } of await burst()) expect(status).toBe(500);
        await road.up();
        for (const { text } of await burst()) expect(text).toBe('ada');
        expect(app.errors.length).toBeGreaterThanOrEqual(30);
        expect(faults).toEqual([]);
      });

      it.each([
        ['E15: a save', '/count-in-the-dark', '1'],
        ['E16: a touch', '/whoami-in-the-dark', 'ada'],
      ])('%s is answered with 200, and the error handler hears of it once', async (_, path, text) => {
        const { app, client, faults, road } = await scene();
        expect(await client.get(path)).toMatchObject({ status: 200, text });
        await until(() => expect(app.errors).toHaveLength(1));
        expect(app.errors).toEqual([refused]);
        await road.up();
        expect((await client.get('/whoami')).text).toBe('ada');
        expect((await client.get('/count')).text).toBe('1');
        expect(app.errors).toHaveLength(1);
        expect(faults).toEqual([]);
      });

      it.each([
        ['with a callback, which hears of it', '/logout-in-the-dark', 'DATABASE'],
        ['without a callback, which harms nobody', '/forget-in-the-dark', 'sent'],
      ])('E9: destroy %s', async (_, path, text) => {
        const { app, client, faults, road } = await scene();
        expect(await client.get(path)).toMatchObject({ status: 200, text });
        await aWhile();
        expect(app.errors).toEqual([]);
        expect(faults).toEqual([]);
        await road.up();
        expect((await client.get('/whoami')).text).toBe('ada');
        expect(faults).toEqual([]);
      });

      it('each method of the store calls back once with an error, and works again afterwards', async () => {
        const { app, faults, road } = await scene();
        const { store } = app;
        const session = { cookie: { originalMaxAge: null } };
        const methods: ((done: (error?: unknown) => void) => unknown)[] = [
          (done) => store.get('a-sid', done),
          (done) => store.set('a-sid', session, done),
          (done) => store.touch('a-sid', session, done),
          (done) => store.destroy('a-sid', done),
          (done) => store.all(done),
          (done) => store.length(done),
          (done) => store.clear(done),
        ];
        const outcomes = methods.map((): unknown[] => []);
        await road.down();
        for (const [i, method] of methods.entries()) void method((error) => outcomes[i]?.push(error));
        await until(() => expect(outcomes.every(({ length }) => length > 0)).toBe(true));
        await aWhile();
        expect(outcomes).toEqual(methods.map(() => [refused]));
        expect(faults).toEqual([]);
        await road.up();
        for (const method of methods) await called(method);
        expect(await rowsOf(stack)).toEqual([]);
      });
    });

    it('E14: a server that is silent is answered for in time', async () => {
      const faults = recordFaults();
      const { knex, proxy } = await tcpRoad(stack);
      const app = await startApp(stack, routes, { core: await coreOf(stack, { timeout: 1500 }, knex) });
      const client = app.client();
      await client.get('/login');
      proxy.stall();
      const late = expect.objectContaining({ code: 'TIMEOUT' });
      expect(await client.get('/whoami')).toEqual({ status: 500, text: 'failed', cookies: [] });
      expect(app.errors).toEqual([late]);
      expect(await app.client().get('/count')).toMatchObject({ status: 200, text: '1' });
      await until(() => expect(app.errors).toHaveLength(2));
      expect(app.errors).toEqual([late, late]);
      proxy.resume();
      proxy.cut();
      await until(async () => expect((await client.get('/whoami')).text).toBe('ada'));
      expect(faults).toEqual([]);
    });

    it('a database that is down at the start is there when it comes up', async () => {
      const faults = recordFaults();
      const heard: Error[] = [];
      const road = await tcpRoad(stack, false);
      const core = new KnexSessionStore(road.knex, { tableName: stack.table, onError: (error) => heard.push(error) });
      onTestFinished(() => core.close());
      const app = await startApp(stack, routes, { core });
      const client = app.client();
      expect((await client.get('/ignore')).status).toBe(200);
      expect((await client.assume('from-before').get('/whoami')).status).toBe(500);
      expect(app.errors).toEqual([expect.objectContaining({ name: 'KssError' })]);
      await until(() => expect(heard).toHaveLength(1));
      await road.up();
      expect((await client.get('/login')).status).toBe(200);
      expect((await client.get('/whoami')).text).toBe('ada');
      expect(app.errors).toHaveLength(1);
      expect(faults).toEqual([]);
    });
  },
  ['postgres', 'mariadb', 'mysql'],
);
