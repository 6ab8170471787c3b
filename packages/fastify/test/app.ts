import type { FastifySessionOptions } from '@fastify/session';
import type { FastifyInstance, FastifyReply, FastifyRequest, Session } from 'fastify';
import type { Knex } from 'knex';
import { onTestFinished } from 'vitest';
import {
  FastifySessionStore,
  type FieldShape,
  KnexSessionStore,
  type SessionStore,
  type StoreOptions,
} from '../src/index.js';
import { Client, SECRET } from './client.js';
import type { Stack } from './stacks.js';

declare module 'fastify' {
  interface Session {
    user?: string;
    n?: number;
    note?: unknown;
  }
}

export type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;
export type Routes = Readonly<Record<string, Handler>>;

/** An application that listens on loopback until the test is over. */
export interface TestApp {
  readonly fastify: FastifyInstance;
  readonly store: FastifySessionStore;
  readonly origin: string;
  /** What reached the application's error handler. */
  readonly errors: readonly unknown[];
  client(): Client;
}

export interface AppOptions {
  /** The core; without it, one over the stack's knex with the defaults. */
  readonly core?: SessionStore;
  /** Options of the plugin that differ from {@link SPARING}; `'defaults'` leaves all to the plugin. */
  readonly session?: Partial<FastifySessionOptions> | 'defaults';
  /** Adds hooks that run before the plugin's. */
  readonly before?: (fastify: FastifyInstance) => unknown;
  /** Adds hooks that run after the plugin's. */
  readonly after?: (fastify: FastifyInstance) => unknown;
  /** What the error handler does before it answers with 500 and `failed`. */
  readonly onError?: (request: FastifyRequest) => unknown;
}

/** What an application should ask of the plugin: no row and no write that nobody needs. `secure` would ask for https. */
const SPARING = { rolling: false, saveUninitialized: false, cookie: { secure: false } };

/** A core over the stack's table, which is in place; closed when the test is over. */
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

/** Starts an application with the session plugin and a handler for each path. */
export async function startApp(stack: Stack, routes: Routes, options: AppOptions = {}): Promise<TestApp> {
  const errors: unknown[] = [];
  const store = new FastifySessionStore(options.core ?? (await coreOf(stack)));
  const fastify = stack.fastify({ forceCloseConnections: true, trustProxy: true });
  onTestFinished(() => fastify.close());
  options.before?.(fastify);
  await fastify.register(stack.cookie);
  const chosen = options.session === 'defaults' ? {} : { ...SPARING, ...options.session };
  await fastify.register(stack.session, { ...chosen, secret: SECRET, store });
  options.after?.(fastify);
  fastify.setErrorHandler(async (error, request, reply) => {
    errors.push(error);
    options.onError?.(request);
    reply.status(500);
    return 'failed';
  });
  for (const [path, handler] of Object.entries(routes)) fastify.all(path, handler);
  const origin = await fastify.listen({ port: 0, host: '127.0.0.1' });
  return { fastify, store, origin, errors, client: () => new Client(origin) };
}

/** Waits for a method that calls back. */
export function called<T = void>(method: (done: (error?: unknown, value?: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    method((error, value) => (error ? reject(error) : resolve(value as T)));
  });
}

/** Anything, as a session of the application's. */
export function asSession(data: unknown): Session {
  return data as Session;
}

/** Handlers that most tests need. */
export const routes = {
  '/ignore': () => 'ignored',
  '/login': (request) => {
    request.session.user = 'ada';
    return 'in';
  },
  '/whoami': (request) => request.session.user ?? 'nobody',
  '/count': (request) => {
    request.session.n = (request.session.n ?? 0) + 1;
    return String(request.session.n);
  },
  '/logout': async (request) => {
    await request.session.destroy();
    return 'out';
  },
} satisfies Routes;
