import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import { FastifySessionStore } from '@kss/fastify';
import { KoaSessionStore } from '@kss/koa';
import express from 'express';
import session, { type Store } from 'express-session';
import Fastify from 'fastify';
import Koa from 'koa';
import koaSession, { type SessionStore as KoaStore } from 'koa-generic-session';
import type { Database } from '../databases.js';
import { type Peer, promised } from '../peer.js';
import { memoryStore } from '../peers/memory-store.js';
import { openCore, ours } from '../peers/ours.js';
import type { Framework } from '../results.js';
import { type AppSession, contentOf, LIFETIME } from '../sessions.js';

const SECRET = 'a secret of more than thirty-two characters';

/** An app that listens on a port of the loopback interface. */
export interface App {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts an app behind a framework, with its sessions in a peer's store. */
export async function startApp(framework: Framework, peer: Peer, database: Database, table: string): Promise<App> {
  const starters = { express: startExpress, koa: startKoa, fastify: startFastify };
  const { app, close } = await starters[framework](peer, database, table);
  const server = createServer(app);
  const port = await listen(server);
  return {
    port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await close();
    },
  };
}

type Handler = Parameters<typeof createServer>[1] & object;
type Started = Promise<{ app: Handler; close(): Promise<void> }>;

/** What every app answers: `/login/7` signs user 7 in, `/write` changes the session, and all say whose it is. */
function answer(path: string, current: Partial<AppSession>) {
  const [verb, number] = path.slice(1).split('/');
  if (verb === 'login') Object.assign(current, contentOf(Number(number), 0));
  if (verb === 'write') current.version = (current.version ?? 0) + 1;
  return { user_id: current.user_id, version: current.version };
}

async function startExpress(peer: Peer, database: Database, table: string): Started {
  const { store, close } = await peer.open(database, table);
  const app = express();
  app.use(
    session({
      store,
      secret: SECRET,
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: LIFETIME, httpOnly: true, sameSite: 'lax' },
    }),
  );
  app.use((request, response) => void response.json(answer(request.path, request.session as Partial<AppSession>)));
  return { app, close };
}

async function startKoa(peer: Peer, database: Database, table: string): Started {
  const { store, close } = await openForKoa(peer, database, table);
  const app = new Koa();
  app.keys = [SECRET];
  app.use(koaSession(store === undefined ? {} : { store }));
  app.use((ctx) => {
    ctx.body = answer(ctx.path, ctx.session as unknown as Partial<AppSession>);
  });
  return { app: app.callback(), close };
}

/**
 * The store as koa-generic-session takes it. Its own memory where the peer is memory; of the others only ours returns promises and
 * knows that the third argument is a lifetime, so the rest are wrapped.
 */
async function openForKoa(
  peer: Peer,
  database: Database,
  table: string,
): Promise<{ store: KoaStore | undefined; close(): Promise<void> }> {
  if (peer === memoryStore) return { store: undefined, close: async () => {} };
  if (peer === ours) {
    const { core, close } = await openCore(database, table);
    return { store: new KoaSessionStore(core) as unknown as KoaStore, close };
  }
  const { store, close } = await peer.open(database, table);
  return { store: wrapped(store) as unknown as KoaStore, close };
}

function wrapped(store: Store) {
  type Data = Parameters<Store['set']>[1];
  return {
    get: (sid: string) => promised((done) => store.get(sid, done)),
    set: (sid: string, data: Data) => promised((done) => store.set(sid, data, done)),
    destroy: (sid: string) => promised((done) => store.destroy(sid, done)),
  };
}

async function startFastify(peer: Peer, database: Database, table: string): Started {
  const { store, close } = await openForFastify(peer, database, table);
  const app = Fastify();
  await app.register(fastifyCookie);
  await app.register(fastifySession, {
    store,
    secret: SECRET,
    saveUninitialized: false,
    cookie: { secure: false, maxAge: LIFETIME, httpOnly: true, sameSite: 'lax' },
  });
  app.get('/*', async (request) => answer(request.url, request.session as unknown as Partial<AppSession>));
  await app.ready();
  return { app: app.routing, close: async () => app.close().then(close) };
}

type FastifyStore = NonNullable<fastifySession.FastifySessionOptions['store']>;

async function openForFastify(peer: Peer, database: Database, table: string) {
  if (peer !== ours) {
    const { store, close } = await peer.open(database, table);
    return { store: store as unknown as FastifyStore, close };
  }
  const { core, close } = await openCore(database, table);
  return { store: new FastifySessionStore(core), close };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
