import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FieldShape, KnexSessionStore, type SessionStore, type StoreOptions } from '@kss/core';
import type { Knex } from 'knex';
import { onTestFinished } from 'vitest';
import { Client } from './client.js';
import type { BaseContext, Handler, Routes } from './contexts.js';
import type { KoaApplication, Place, Stack, Store, Versions } from './stacks.js';

/** An application that listens on loopback until the test is over. */
export interface App {
  readonly port: number;
  readonly koa: KoaApplication;
  /** What reached the application's `error` event. */
  readonly errors: readonly unknown[];
  client(): Client;
}

export interface AppOptions<S> {
  /** The core; without it, one with the defaults. */
  readonly core?: SessionStore;
  /** The store; without it, one over the core. */
  readonly store?: S;
  /** Options of the middleware beside the store. */
  readonly session?: object;
  /** Runs before the session middleware. */
  readonly before?: unknown;
}

/** A core over the stack's table, in place before the first request, and closed when the test is over. */
export async function coreOf<const F extends readonly FieldShape[] = readonly []>(
  stack: Place,
  options: StoreOptions<F> = {},
  knex: Knex = stack.knex(),
): Promise<KnexSessionStore<F>> {
  const core = new KnexSessionStore<F>(knex, { ...options, tableName: stack.table });
  onTestFinished(() => core.close());
  await core.waitForSync();
  return core;
}

/** Starts an application with a session middleware and a handler for each path. */
export async function startApp<C extends BaseContext, S extends Store>(
  stack: Stack<C, S>,
  routes: Routes<C>,
  { core, store: given, session, before }: AppOptions<S> = {},
): Promise<App & { readonly store: S }> {
  const store = given ?? new stack.Store(core ?? (await coreOf(stack)));
  return { ...(await serve(stack, routes, { store, ...session }, before)), store };
}

/** Starts an application whose middleware has these options. */
async function serve<C extends BaseContext, S extends Store>(
  stack: Versions<C, S>,
  routes: Routes<C>,
  options: object,
  before: unknown,
): Promise<App> {
  const errors: unknown[] = [];
  const koa = new stack.Koa();
  koa.keys = ['a key of the tests'];
  koa.on('error', (error) => errors.push(error));
  if (before !== undefined) koa.use(before);
  koa.use(stack.session(options, koa));
  const answer: Handler<C> = (ctx) => routes[ctx.path]?.(ctx);
  koa.use(stack.generators ? forKoa1(answer) : (ctx: C) => played(answer(ctx)));

  const server = createServer(koa.callback()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return { port, koa, errors, client: () => new Client(`http://127.0.0.1:${port}`) };
}

function forKoa1<C>(answer: Handler<C>) {
  return function* (this: C) {
    const answered = answer(this);
    if (typeof answered === 'object' && answered !== null) yield answered;
  };
}

/** What a handler returned, with a generator's steps taken one by one. */
async function played(answered: unknown): Promise<unknown> {
  if (!isGenerator(answered)) return answered;
  let step = answered.next();
  while (!step.done) {
    let outcome: [value: unknown] | undefined;
    let failure: unknown;
    try {
      outcome = [await step.value];
    } catch (error) {
      failure = error;
    }
    step = outcome === undefined ? answered.throw(failure) : answered.next(outcome[0]);
  }
  return step.value;
}

function isGenerator(value: unknown): value is Generator {
  return typeof (value as Partial<Generator> | null | undefined)?.throw === 'function';
}
