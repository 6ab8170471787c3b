import { KoaSessionStore } from '@kss/koa';
import type Koa from 'koa';
import { createSession } from 'koa-session';
import { type AppOptions, assemble } from './assemble.js';
import { COOKIE, type Sessions, WEEK } from './sessions.js';

/** The example on koa-session. */
export function createApp(core: Sessions, options: AppOptions): Koa {
  const store = new KoaSessionStore(core);
  return assemble(core, options, {
    middleware: (app) => createSession({ key: COOKIE, store, rolling: true, sameSite: 'lax', maxAge: WEEK }, app),
    sidOf: (ctx) => store.sidOf(ctx),
    async regenerate(ctx) {
      const typed = ctx as unknown as KoaSessionContext;
      typed.session = {}; // regenerate() gives another sid, and keeps the data
      await typed.session.regenerate();
    },
  });
}

/** What koa-session makes of the context; it has no types for that. */
interface KoaSessionContext {
  get session(): { regenerate(): Promise<void> };
  set session(data: object);
}
