import { bodyParser } from '@koa/bodyparser';
import Router from '@koa/router';
import { contentSecurityPolicy, icon, paths, stylesheet } from '@kss/example-view';
import Koa, { type Middleware } from 'koa';
import helmet from 'koa-helmet';
import { showErrors } from './errors.js';
import { routes, type SessionControl } from './routes.js';
import type { Sessions } from './sessions.js';

export interface AppOptions {
  /** Signs the session cookie. */
  readonly secret: string;
  /** How many proxies stand before the app; they say whether the browser came by TLS. @default 0 */
  readonly proxies?: number;
}

/** The example on one of the session middlewares. */
export interface SessionSupport extends SessionControl {
  middleware(app: Koa): Middleware;
}

export function assemble(core: Sessions, { secret, proxies = 0 }: AppOptions, sessions: SessionSupport): Koa {
  const app = new Koa({ keys: [secret], proxy: proxies > 0, maxIpsCount: proxies });
  app.use(showErrors);
  app.use(helmet({ contentSecurityPolicy }));
  app.use(assets.routes());
  app.use(sessions.middleware(app));
  app.use(bodyParser({ enableTypes: ['form'], formLimit: '8kb' }));
  app.use(async (ctx, next) => {
    ctx.set('Cache-Control', 'no-store'); // after signing out, "back" shows nothing
    await next();
  });
  app.use(routes(core, sessions).routes());
  return app;
}

const assets = new Router();

assets.get(paths.stylesheet, (ctx) => {
  ctx.type = 'css';
  ctx.body = stylesheet;
});

assets.get(paths.icon, (ctx) => {
  ctx.type = 'svg';
  ctx.body = icon;
});
