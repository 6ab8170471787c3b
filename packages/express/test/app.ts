import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FieldShape, KnexSessionStore, type SessionStore, type StoreOptions } from '@kss/core';
import type { ErrorRequestHandler, Express, Request, RequestHandler, Response } from 'express';
import type { SessionOptions } from 'express-session';
import type { Knex } from 'knex';
import { onTestFinished } from 'vitest';
import { ExpressSessionStore } from '../src/index.js';
import { Client, SECRET } from './client.js';
import type { Stack } from './stacks.js';

declare module 'express-session' {
  interface SessionData {
    user?: string;
    n?: number;
    note?: unknown;
  }
}

export type Handler = (req: Request, res: Response) => unknown;

/** An application that listens on loopback until the test is over. */
interface TestApp {
  readonly port: number;
  /** What reached the application's error handler. */
  readonly errors: readonly unknown[];
  /** How many requests have come in. */
  arrived(): number;
  client(): Client;
}

/** An application with one session() middleware, and its store. */
export interface SessionApp extends TestApp {
  readonly store: ExpressSessionStore;
}

interface AppOptions {
  /** The core; without it, one with the defaults. */
  readonly core?: SessionStore;
  readonly session?: SessionOptions | Omit<SessionOptions, 'secret'>;
  /** Runs before the session() middleware. */
  readonly before?: RequestHandler;
}

/** A core over the stack's table, in place before the first request, and closed when the test is over. */
export async function coreOf<const F extends readonly FieldShape[] = readonly []>(
  stack: Stack,
  options: StoreOptions<F> = {},
  knex: Knex = stack.knex(),
): Promise<KnexSessionStore<F>> {
  const core = new KnexSessionStore<F>(knex, { ...options, tableName: stack.table });
  onTestFinished(() => core.close());
  await core.waitForSync();
  return core;
}

/** Starts an application with one session() middleware and a handler for each path. */
export async function startApp(
  stack: Stack,
  routes: Readonly<Record<string, Handler>>,
  { core, session, before }: AppOptions = {},
): Promise<SessionApp> {
  const store = new ExpressSessionStore(core ?? (await coreOf(stack)));
  const app = await serve(stack, (express) => {
    if (before !== undefined) express.use(before);
    express.use(stack.session({ secret: SECRET, resave: false, saveUninitialized: false, ...session, store }));
    for (const [path, handler] of Object.entries(routes)) express.all(path, route(handler));
  });
  return { ...app, store };
}

/** Starts an application that the caller composes. */
export async function serve(stack: Stack, compose: (express: Express) => void): Promise<TestApp> {
  const errors: unknown[] = [];
  let arrived = 0;
  const express = stack.express();
  express.use((_req, _res, next) => {
    arrived += 1;
    next();
  });
  compose(express);
  const onError: ErrorRequestHandler = (error, _req, res, _next) => {
    errors.push(error);
    if (!res.headersSent) res.status(500).end('failed');
  };
  express.use(onError);

  const server = createServer(express).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    errors,
    arrived: () => arrived,
    client: () => new Client(`http://127.0.0.1:${port}`),
  };
}

/** Express 4 does not wait for a handler's promise; this does, on either. */
export function route(handler: Handler): RequestHandler {
  return async (req, res, next) => {
    try {
      await handler(req, res);
    } catch (error) {
      next(error);
    }
  };
}

/** Waits for a method that calls back. */
export function called(method: (callback: (error?: unknown) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    method((error) => (error ? reject(error) : resolve()));
  });
}

/** Handlers that most tests need. */
export const routes: Readonly<Record<'/ignore' | '/login' | '/whoami' | '/count' | '/logout', Handler>> = {
  /** Leaves the session alone. */
  '/ignore': (_req, res) => res.end('ignored'),
  '/login': (req, res) => {
    req.session.user = 'ada';
    res.end('in');
  },
  '/whoami': (req, res) => res.end(req.session.user ?? 'nobody'),
  '/count': (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1;
    res.end(String(req.session.n));
  },
  '/logout': async (req, res) => {
    await called((done) => req.session.destroy(done));
    res.end('out');
  },
};
