import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import type { KnexSessionStore } from '@kss/core';
import { ExpressSessionStore } from '@kss/express';
import { FastifySessionStore } from '@kss/fastify';
import { KoaSessionStore } from '@kss/koa';
import express from 'express';
import expressSession from 'express-session';
import Fastify from 'fastify';
import Koa from 'koa';
import { createSession } from 'koa-session';

const SECRET = 'a secret of at least thirty-two characters';
const LIFE = 600_000;

/** An app with one page, `/`, that tells the user of its session, and another, `/in/:user`, that signs one in. */
export interface App {
  readonly port: number;
  /** The Cookie header of a sid, signed as the app's framework does. */
  cookieOf(sid: string): string;
  close(): Promise<void>;
}

type Visit = { readonly user?: unknown };
const page = (session: object | null | undefined) => ({ user: (session as Visit | undefined)?.user ?? null });
const userIn = (url: string | undefined) => /^\/in\/(\w+)$/.exec(url ?? '')?.[1];

function hmac(algorithm: string, text: string): string {
  return createHmac(algorithm, SECRET).update(text).digest('base64').replaceAll('=', '');
}

async function listening(server: Server): Promise<{ port: number; close(): Promise<void> }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The apps, by the names of their frameworks. */
export const apps: Readonly<Record<string, (store: KnexSessionStore) => Promise<App>>> = {
  async express(store) {
    const app = express();
    const session = { store: new ExpressSessionStore(store), secret: SECRET, name: 'sid', resave: false };
    app.use(expressSession({ ...session, saveUninitialized: false, cookie: { maxAge: LIFE } }));
    app.use((req, res) => {
      const user = userIn(req.url);
      if (user !== undefined) Object.assign(req.session, { user });
      res.json(page(req.session));
    });
    app.use(
      ((error, _req, res, _next) => void res.status(500).json({ error: String(error) })) as express.ErrorRequestHandler,
    );
    const cookieOf = (sid: string) => `sid=${encodeURIComponent(`s:${sid}.${hmac('sha256', sid)}`)}`;
    return { ...(await listening(createServer(app as unknown as RequestListener))), cookieOf };
  },
  async koa(store) {
    const app = new Koa();
    app.keys = [SECRET];
    app.silent = true; // a 500 is for the one who asked to tell
    app.use(
      createSession({ store: new KoaSessionStore(store), maxAge: LIFE, key: 'sid' }, app) as unknown as Koa.Middleware,
    );
    app.use((ctx) => {
      const { session } = ctx as unknown as { session: Record<string, unknown> };
      const user = userIn(ctx.url);
      if (user !== undefined) session.user = user;
      ctx.body = page(session);
    });
    const cookieOf = (sid: string) => {
      const signature = hmac('sha1', `sid=${sid}`).replaceAll('/', '_').replaceAll('+', '-');
      return `sid=${sid}; sid.sig=${signature}`;
    };
    return { ...(await listening(createServer(app.callback() as RequestListener))), cookieOf };
  },
  async fastify(store) {
    const app = Fastify();
    await app.register(fastifyCookie);
    const session = {
      store: new FastifySessionStore(store),
      secret: SECRET,
      cookieName: 'sid',
      saveUninitialized: false,
    };
    await app.register(fastifySession, { ...session, cookie: { secure: false, maxAge: LIFE } });
    app.get('/*', async (request) => {
      const user = userIn(request.url);
      if (user !== undefined) Object.assign(request.session, { user });
      return page(request.session);
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const cookieOf = (sid: string) => `sid=${encodeURIComponent(`${sid}.${hmac('sha256', sid)}`)}`;
    return { port: (app.server.address() as AddressInfo).port, close: () => app.close(), cookieOf };
  },
};
