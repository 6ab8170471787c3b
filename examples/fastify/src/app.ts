import cookie from '@fastify/cookie';
import csrfProtection from '@fastify/csrf-protection';
import formBody from '@fastify/formbody';
import helmet from '@fastify/helmet';
import session from '@fastify/session';
import { contentSecurityPolicy, icon, paths, stylesheet } from '@kss/example-view';
import { FastifySessionStore } from '@kss/fastify';
import createFastify, { type FastifyInstance } from 'fastify';
import { showError, showNotFound } from './errors.js';
import { COOKIE } from './request-session.js';
import { routes } from './routes.js';
import type { Sessions } from './sessions.js';

export interface AppOptions {
  /** Signs the session cookie; 32 characters at least. */
  readonly secret: string;
  /** How many proxies stand before the app; they say whether the browser came by TLS. @default 0 */
  readonly proxies?: number;
}

const WEEK = 7 * 24 * 60 * 60 * 1000;

export function createApp(core: Sessions, { secret, proxies = 0 }: AppOptions): FastifyInstance {
  const app = createFastify({
    trustProxy: (_address, hop) => hop < proxies,
    bodyLimit: 8 * 1024,
    logger: { level: 'error' },
    frameworkErrors: showError,
  });
  app.setErrorHandler(showError);
  app.setNotFoundHandler(showNotFound);
  app.register(helmet, { contentSecurityPolicy });

  app.get(paths.stylesheet, (_request, reply) => reply.type('text/css; charset=utf-8').send(stylesheet));
  app.get(paths.icon, (_request, reply) => reply.type('image/svg+xml').send(icon));

  // In a scope of their own, so that what is outside of it reads no session.
  app.register(async (scope) => {
    await scope.register(cookie);
    await scope.register(session, {
      cookieName: COOKIE,
      secret,
      store: new FastifySessionStore(core),
      rolling: true, // each visit moves the expiry
      saveUninitialized: false, // or each request without a cookie writes a row
      cookie: { httpOnly: true, sameSite: 'lax', secure: 'auto', maxAge: WEEK },
    });
    await scope.register(formBody);
    await scope.register(csrfProtection, { sessionPlugin: '@fastify/session' });
    scope.addHook('onRequest', async (_request, reply) => {
      reply.header('cache-control', 'no-store'); // after signing out, "back" shows nothing
    });
    routes(scope, core);
  });
  return app;
}
