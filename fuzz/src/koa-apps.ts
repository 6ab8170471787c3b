import { createHmac } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import type { KnexSessionStore } from '@kss/core';
import { KoaMinimalSessionStore, KoaSessionStore } from '@kss/koa';
import Koa from 'koa';
import { createSession } from 'koa-session';
import { type App, LIFE, listening, page, SECRET, userIn } from './app.js';

/** What the tests of the adapter run on. */
const installed = createRequire(new URL('../../packages/koa/package.json', import.meta.url));

type Options = { readonly store: object; readonly key: string };
const genericSession = installed('koa-generic-session') as (options: Options & { cookie: object }) => Koa.Middleware;
const minimalSession = installed('koa-session-minimal') as (options: Options & { cookie: object }) => Koa.Middleware;

/** The app behind a session middleware, with the sids that are stored under this prefix. */
async function koaApp(use: (app: Koa) => Koa.Middleware, prefix: string, cookieOf: App['cookieOf']): Promise<App> {
  const app = new Koa();
  app.keys = [SECRET];
  app.silent = true; // a 500 is for the one who asked to tell
  app.use(use(app));
  app.use((ctx) => {
    const { session } = ctx as unknown as { session: Record<string, unknown> };
    const user = userIn(ctx.url);
    if (user !== undefined) session.user = user;
    ctx.body = page(session);
  });
  return { ...(await listening(createServer(app.callback() as RequestListener))), prefix, cookieOf };
}

/** A cookie with another one that has its signature, as the package cookies makes them. */
function signed(sid: string): string {
  const signature = createHmac('sha1', SECRET).update(`sid=${sid}`).digest('base64').replaceAll('=', '');
  return `sid=${sid}; sid.sig=${signature.replaceAll('/', '_').replaceAll('+', '-')}`;
}

export function koaSession(store: KnexSessionStore): Promise<App> {
  const options = { store: new KoaSessionStore(store), maxAge: LIFE, key: 'sid' };
  return koaApp((app) => createSession(options, app) as unknown as Koa.Middleware, '', signed);
}

export function koaGenericSession(store: KnexSessionStore): Promise<App> {
  const options = { store: new KoaSessionStore(store), key: 'sid', cookie: { maxAge: LIFE, signed: true } };
  return koaApp(() => genericSession(options), 'koa:sess:', signed);
}

/** It signs no cookie: whoever knows a sid, or makes one, has the session. */
export function koaSessionMinimal(store: KnexSessionStore): Promise<App> {
  const options = { store: new KoaMinimalSessionStore(store, { key: 'sid' }), key: 'sid', cookie: { maxAge: LIFE } };
  return koaApp(
    () => minimalSession(options),
    'sid:',
    (sid) => `sid=${sid}`,
  );
}
