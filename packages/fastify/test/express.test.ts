import { once } from 'node:events';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SessionStore } from '../src/index.js';
import { coreOf, type Routes, routes, startApp } from './app.js';
import { Client, type Jar, SECRET } from './client.js';
import { describeStacks, rowsOf, type Stack, twoKnexes } from './stacks.js';

interface Request {
  session: { n?: number; user?: string; cookie: { maxAge: number }; destroy(done: (error?: unknown) => void): void };
}
type ExpressHandler = (request: Request, response: { end(text: string): void }) => unknown;

// As an application beside this one has them installed.
const require = createRequire(new URL('../../express/package.json', import.meta.url));
const express: () => {
  use(middleware: unknown): void;
  get(path: string, handler: ExpressHandler): void;
  listen(port: number, host: string): Server;
} = require('express');
const expressSession: (options: object) => unknown = require('express-session');
const { ExpressSessionStore }: { ExpressSessionStore: new (core: SessionStore) => object } = require('@kss/express');

const HOUR = 3_600_000;
const STYLE = { name: 'connect.sid', prefix: 's:' };

/** An Express application with express-session's own cookie. */
async function startExpress(core: SessionStore, cookie: object): Promise<string> {
  const app = express();
  const options = { secret: SECRET, resave: false, saveUninitialized: false, cookie };
  app.use(expressSession({ ...options, store: new ExpressSessionStore(core) }));
  app.get('/count', ({ session }, response) => {
    session.n = (session.n ?? 0) + 1;
    response.end(String(session.n));
  });
  app.get('/login', ({ session }, response) => {
    session.user = 'ada';
    response.end('in');
  });
  app.get('/whoami', ({ session }, response) => response.end(session.user ?? 'nobody'));
  app.get('/logout', ({ session }, response) => session.destroy((error) => response.end(error ? 'failed' : 'out')));
  app.get('/cookie', ({ session }, response) => response.end(JSON.stringify(session.cookie)));
  const server = app.listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** One application of each framework over one table, as two processes, and a browser that visits both. */
async function bothApps(stack: Stack, cookie: object = {}) {
  const [here, there] = await twoKnexes(stack);
  const session = { cookieName: STYLE.name, cookiePrefix: STYLE.prefix, cookie: { secure: false, ...cookie } };
  const paths: Routes = { ...routes, '/cookie': ({ session }) => JSON.stringify(session.cookie) };
  const { origin, errors } = await startApp(stack, paths, { core: await coreOf(stack, {}, here), session });
  const expressOrigin = await startExpress(await coreOf(stack, {}, there), cookie);
  const jar: Jar = new Map();
  return {
    ofFastify: new Client(origin, jar, STYLE),
    ofExpress: new Client(expressOrigin, jar, STYLE),
    errors,
    rows: () => rowsOf(stack, here),
  };
}

describeStacks('F18: one Express and one Fastify application', 'fastify_express', (stack) => {
  describe.each([
    ['a cookie with a lifetime', { maxAge: HOUR }],
    ['a cookie without one', {}],
  ])('with %s', (_, cookie) => {
    it.each(['ofExpress', 'ofFastify'] as const)(
      'F18: share one row and one cookie in turns, begun %s',
      async (begun) => {
        const apps = await bothApps(stack, cookie);
        const other = begun === 'ofExpress' ? 'ofFastify' : 'ofExpress';
        for (let n = 1; n <= 6; n++) {
          const client = apps[n % 2 === 1 ? begun : other];
          expect(await client.get('/count')).toMatchObject({ status: 200, text: String(n) });
          expect([...client.jar.keys()]).toEqual([STYLE.name]);
          const rows = await apps.rows();
          expect(rows).toMatchObject([{ sid: client.sid, session: { n } }]);
          const lifetime = (rows[0]?.expire_at ?? 0) - Date.now();
          expect(lifetime).toBeGreaterThan('maxAge' in cookie ? HOUR - 60_000 : 23 * HOUR);
          expect(lifetime).toBeLessThanOrEqual('maxAge' in cookie ? HOUR : 24 * HOUR);
        }
        for (const client of [apps.ofExpress, apps.ofFastify]) {
          const { originalMaxAge, expires } = JSON.parse((await client.get('/cookie')).text);
          if ('maxAge' in cookie) {
            expect(Math.abs(originalMaxAge - HOUR)).toBeLessThan(1000); // express-session reads it back from the clock
            expect(Date.parse(expires)).toBeGreaterThan(Date.now());
          } else {
            expect([originalMaxAge, expires]).toEqual([null, null]);
          }
        }
        expect(apps.errors).toEqual([]);
      },
    );
  });

  it.each([
    ['ofExpress', 'ofFastify'],
    ['ofFastify', 'ofExpress'],
  ] as const)('F18: a login %s is one %s, and a logout there is one here', async (first, second) => {
    const apps = await bothApps(stack);
    await apps[first].get('/login');
    const { sid } = apps[first];
    expect((await apps[second].get('/whoami')).text).toBe('ada');
    expect(apps[second].sid).toBe(sid);
    expect((await apps[second].get('/logout')).text).toBe('out');
    expect(await apps.rows()).toEqual([]);
    expect((await apps[first].assume(sid).get('/whoami')).text).toBe('nobody');
    expect(apps.errors).toEqual([]);
  });
});
