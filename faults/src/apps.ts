import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import type { KnexSessionStore } from '@kss/core';
import { ExpressSessionStore } from '@kss/express';
import { FastifySessionStore } from '@kss/fastify';
import { KoaSessionStore } from '@kss/koa';
import express, { type ErrorRequestHandler } from 'express';
import session from 'express-session';
import Fastify from 'fastify';
import Koa from 'koa';
import { createSession } from 'koa-session';
import { errorCode } from './error-code.js';
import { Heard } from './heard.js';

const SECRET = 'a secret of more than thirty-two characters';
const COOKIE = { maxAge: 3_600_000, httpOnly: true, sameSite: 'lax' as const, secure: false };

type Numbered = { n?: number };

/**
 * What every app answers: `POST /save/7` saves a number, `POST /end` ends the session, `GET /` tells the number. An answer of 200
 * means that it is so; an error of the store is answered with 503 and its code by the app's own handler of errors.
 */
export interface App {
  readonly url: string;
  readonly heard: Heard;
  close(): Promise<void>;
}

/** A framework with the middleware that its store is for. */
interface Framework {
  start(store: KnexSessionStore, heard: Heard): RequestListener | Promise<RequestListener>;
  /** How often a request is to hear of so many errors of the store. */
  heard(failed: number): number;
}

/** express-session hands on the error of each call. */
const each = (failed: number) => failed;
/** The others answer with the first; Fastify then saves again for the answer itself, and keeps what fails there to itself. */
const once = (failed: number) => Math.min(1, failed);

export const frameworks: Readonly<Record<string, Framework>> = {
  'Express with express-session': { start: expressApp, heard: each },
  'Koa with koa-session': { start: koaApp, heard: once },
  'Fastify with @fastify/session': { start: fastifyApp, heard: once },
};

function expressApp(store: KnexSessionStore, heard: Heard): RequestListener {
  const app = express();
  const sessions = new ExpressSessionStore(store);
  app.use(session({ store: sessions, secret: SECRET, resave: false, saveUninitialized: false, cookie: COOKIE }));
  app.get('/', (req, res) => void res.json({ n: (req.session as Numbered).n ?? null }));
  app.post('/save/:n', (req, res, next) => {
    const n = Number(req.params.n);
    (req.session as Numbered).n = n;
    // express-session's own save comes after the answer, which would not know how it ended.
    req.session.save((error) => (error ? next(error) : res.json({ n })));
  });
  app.post('/end', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.json({ n: null })));
  });
  const answer: ErrorRequestHandler = (error, _req, res, _next) => {
    heard.note();
    if (!res.headersSent) res.status(503).json({ code: errorCode(error) });
  };
  // A save that failed is tried again by express-session at the end: the second error goes on from where the first was handled.
  app.use(answer, answer);
  return app as RequestListener;
}

function koaApp(store: KnexSessionStore, heard: Heard): RequestListener {
  const app = new Koa();
  app.keys = [SECRET];
  app.use(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      heard.note();
      ctx.status = 503;
      ctx.body = { code: errorCode(error) };
    }
  });
  app.use(createSession({ ...COOKIE, store: new KoaSessionStore(store) }, app));
  app.use((ctx) => {
    const [, verb, number] = ctx.path.split('/');
    if (verb === 'end') ctx.session = null;
    else if (verb === 'save' && ctx.session) (ctx.session as Numbered).n = Number(number);
    ctx.body = { n: (ctx.session as Numbered | null)?.n ?? null };
  });
  return app.callback();
}

async function fastifyApp(store: KnexSessionStore, heard: Heard): Promise<RequestListener> {
  const app = Fastify();
  app.setErrorHandler((error, _request, reply) => {
    heard.note();
    return reply.code(503).send({ code: errorCode(error) });
  });
  await app.register(fastifyCookie);
  const sessions = new FastifySessionStore(store);
  await app.register(fastifySession, {
    store: sessions,
    secret: SECRET,
    saveUninitialized: false,
    rolling: false,
    cookie: COOKIE,
  });
  app.get('/', async (request) => ({ n: (request.session as Numbered).n ?? null }));
  app.post<{ Params: { n: string } }>('/save/:n', async (request) => {
    const n = Number(request.params.n);
    (request.session as Numbered).n = n;
    return { n };
  });
  app.post('/end', async (request) => {
    await request.session.destroy();
    return { n: null };
  });
  await app.ready();
  return app.routing as RequestListener;
}

/** Starts an app in this process, on a port of loopback. */
export async function startApp(framework: Framework, store: KnexSessionStore): Promise<App> {
  const heard = new Heard();
  const handler = await framework.start(heard.over(store), heard);
  const server = createServer((request, response) => {
    const met = heard.run(() => handler(request, response));
    response.on('finish', () => {
      met.status = response.statusCode;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
