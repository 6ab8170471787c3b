import { KnexSessionStore } from '@kss/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { coreOf, startApp } from './app.js';
import { type BaseContext, type Routes, routes } from './contexts.js';
import { aWhile, recordFaults, until } from './obstacles.js';
import { deadEnd, tcpRoad } from './roads.js';
import { describeStacks, GENERIC, MINIMAL, rowsOf, SESSION, type Stack, type Store, type Versions } from './stacks.js';

/** What each middleware does with an error of its store. */
interface Manners {
  /** The numbers of the scenarios. */
  readonly read: string;
  readonly write: string;
  readonly socket: string;
  /** Whether it waits for its writes. */
  readonly waits: boolean;
}

const SERVERS = ['postgres', 'mariadb', 'mysql'] as const;

const refused = (code: string) =>
  expect.objectContaining({ code: 'DATABASE', cause: expect.objectContaining({ code }) });

function describeOutages<C extends BaseContext, S extends Store>(
  title: string,
  versions: readonly Versions<C, S>[],
  { read, write, socket, waits }: Manners,
): void {
  const table = `${title.replaceAll('-', '_')}_outages`;
  describeStacks(
    `outages with ${title}`,
    table,
    versions,
    (stack: Stack<C, S>) => {
      /** An application whose database can go away, also in the middle of a request, and a client that is logged in. */
      async function scene() {
        const faults = recordFaults();
        const heard: Error[] = [];
        const { knex, proxy } = await tcpRoad(stack);
        const core = await coreOf(stack, { onError: (error) => heard.push(error) }, knex);
        const paths: Routes<C> = {
          ...routes,
          '/count-in-the-dark': async (ctx) => {
            ctx.session.n = (ctx.session.n ?? 0) + 1;
            await proxy.stop();
            ctx.body = String(ctx.session.n);
          },
          '/logout-in-the-dark': async (ctx) => {
            ctx.session = null;
            await proxy.stop();
            ctx.body = 'out';
          },
        };
        const app = await startApp(stack, paths, { core });
        const client = app.client();
        await client.get('/login');
        await core.count('all');
        return { app, client, core, faults, heard, proxy };
      }

      it(`${read}: a request is answered with 500 and keeps its cookie, and after the outage its session`, async () => {
        const { app, client, faults, heard, proxy } = await scene();
        const { cookieHeader } = client;
        await proxy.stop();
        for (let requests = 1; requests <= 3; requests++) {
          expect(await client.get('/count')).toEqual({ status: 500, text: 'Internal Server Error', cookies: [] });
          expect(app.errors).toEqual(Array(requests).fill(refused('ECONNREFUSED')));
        }
        await proxy.start();
        expect(await client.get('/whoami')).toEqual({ status: 200, text: 'ada', cookies: [] });
        expect(client.cookieHeader).toBe(cookieHeader);
        expect((await client.get('/count')).text).toBe('1');
        await aWhile();
        expect(app.errors).toHaveLength(3);
        expect(heard).toEqual([]);
        expect(faults).toEqual([]);
      });

      it(`${read}: many requests at once are all answered`, async () => {
        const { app, client, faults, proxy } = await scene();
        const burst = () => Promise.all(Array.from({ length: 20 }, () => client.copy().get('/whoami')));
        const before = burst();
        await proxy.stop();
        for (const { status } of await before) expect([200, 500]).toContain(status);
        const already = app.errors.length;
        for (const { status } of await burst()) expect(status).toBe(500);
        expect(app.errors).toHaveLength(already + 20);
        await proxy.start();
        for (const { text } of await burst()) expect(text).toBe('ada');
        expect(faults).toEqual([]);
      });

      it.each([
        ['a save', '/count-in-the-dark', '1'],
        ['a logout', '/logout-in-the-dark', 'out'],
      ])(`${write}: %s is heard of once, and the session stays as it was`, async (_, path, text) => {
        const { app, client, core, faults, heard, proxy } = await scene();
        const before = client.copy();
        const { status, text: answered } = await client.get(path);
        const errors = waits ? app.errors : heard;
        expect({ status, answered }).toEqual(
          waits ? { status: 500, answered: 'Internal Server Error' } : { status: 200, answered: text },
        );
        await until(() => expect(errors).toEqual([refused('ECONNREFUSED')]));
        await aWhile();
        expect([...app.errors, ...heard]).toHaveLength(1);
        await proxy.start();
        expect((await before.get('/whoami')).text).toBe('ada');
        expect((await before.get('/count')).text).toBe('1');
        await core.count('all');
        expect(await rowsOf(stack)).toHaveLength(1);
        expect(faults).toEqual([]);
      });

      it(`${socket}: a unix socket that is gone is answered with 500, and not with a new session`, async () => {
        const { app, client, faults } = await scene();
        const nowhere = new KnexSessionStore(await deadEnd(stack), { tableName: stack.table, sync: false });
        onTestFinished(() => nowhere.close());
        const lost = await startApp<C, S>(stack, routes, { core: nowhere });
        const elsewhere = lost.client();
        for (const cookie of client.cookieHeader.split('; ')) {
          const [name = '', value = ''] = cookie.split(/=(.*)/s);
          elsewhere.setCookie(name, value);
        }
        for (const path of ['/whoami', '/count']) {
          expect(await elsewhere.get(path)).toEqual({ status: 500, text: 'Internal Server Error', cookies: [] });
        }
        expect(lost.errors).toEqual([refused('ENOENT'), refused('ENOENT')]);
        expect((await client.get('/whoami')).text).toBe('ada');
        expect(app.errors).toEqual([]);
        expect(faults).toEqual([]);
      });

      it(`${read}: a server that is silent is answered for in time`, async () => {
        const faults = recordFaults();
        const { knex, proxy } = await tcpRoad(stack);
        const app = await startApp<C, S>(stack, routes, { core: await coreOf(stack, { timeout: 1500 }, knex) });
        const client = app.client();
        await client.get('/login');
        expect((await client.get('/whoami')).text).toBe('ada');
        proxy.stall();
        expect(await client.get('/whoami')).toEqual({ status: 500, text: 'Internal Server Error', cookies: [] });
        expect(app.errors).toEqual([expect.objectContaining({ code: 'TIMEOUT' })]);
        proxy.resume();
        proxy.cut();
        await until(async () => expect((await client.get('/whoami')).text).toBe('ada'));
        expect(faults).toEqual([]);
      });

      it('a database that is down at the start is there when it comes up', async () => {
        const faults = recordFaults();
        const heard: Error[] = [];
        const { knex, proxy } = await tcpRoad(stack, false);
        const core = new KnexSessionStore(knex, { tableName: stack.table, onError: (error) => heard.push(error) });
        onTestFinished(() => core.close());
        const app = await startApp<C, S>(stack, routes, { core });
        const client = app.client();
        expect((await client.get('/ignore')).status).toBe(200);
        await until(() => expect(heard).toHaveLength(1));
        await proxy.start();
        expect((await client.get('/login')).status).toBe(200);
        expect((await client.get('/whoami')).text).toBe('ada');
        expect(app.errors).toEqual([]);
        expect(faults).toEqual([]);
      });
    },
    SERVERS,
  );
}

describe('while the database is away', () => {
  describeOutages('koa-generic-session', GENERIC, { read: 'G14', write: 'G14', socket: 'G15', waits: true });
  describeOutages('koa-session', SESSION, { read: 'K11', write: 'K11', socket: 'K11', waits: true });
  describeOutages('koa-session-minimal', MINIMAL, { read: 'M10', write: 'M9', socket: 'M10', waits: false });
});
