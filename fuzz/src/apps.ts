import { createHmac } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import type { KnexSessionStore } from '@kss/core';
import { ExpressSessionStore } from '@kss/express';
import { FastifySessionStore } from '@kss/fastify';
import express from 'express';
import expressSession from 'express-session';
import Fastify from 'fastify';
import { type App, LIFE, listening, page, SECRET, userIn } from './app.js';
import { koaGenericSession, koaSession, koaSessionMinimal } from './koa-apps.js';

function hmac(text: string): string {
  return createHmac('sha256', SECRET).update(text).digest('base64').replaceAll('=', '');
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
    const cookieOf = (sid: string) => `sid=${encodeURIComponent(`s:${sid}.${hmac(sid)}`)}`;
    return { ...(await listening(createServer(app as unknown as RequestListener))), prefix: '', cookieOf };
  },
  koa: koaSession,
  koa_generic: koaGenericSession,
  koa_minimal: koaSessionMinimal,
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
    const cookieOf = (sid: string) => `sid=${encodeURIComponent(`${sid}.${hmac(sid)}`)}`;
    return { port: (app.server.address() as AddressInfo).port, close: () => app.close(), prefix: '', cookieOf };
  },
};
