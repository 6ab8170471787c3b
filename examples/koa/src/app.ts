import { KoaSessionStore } from '@kss/koa';
import type Koa from 'koa';
import session from 'koa-generic-session';
import { type AppOptions, assemble } from './assemble.js';
import { COOKIE, type Sessions, WEEK } from './sessions.js';

/** The example on koa-generic-session. */
export function createApp(core: Sessions, options: AppOptions): Koa {
  const store = new KoaSessionStore(core);
  return assemble(core, options, {
    middleware: () => session({ key: COOKIE, store, rolling: true, cookie: { sameSite: 'lax', maxAge: WEEK } }),
    sidOf: (ctx) => store.sidOf(ctx),
    regenerate: (ctx) => ctx.regenerateSession(),
  });
}
