import { createServer } from 'node:http';
import Koa from 'koa';
import { createSession } from 'koa-session';
import { type App, client, SECRET } from './express-app.js';

/** An app over koa-session and one store, which does what `expressApp` does. */
export function koaApp(store: object, maxAge: number): Promise<App> {
  const app = new Koa();
  app.keys = [SECRET];
  app.use(createSession({ store: store as never, maxAge, rolling: true }, app));
  return listening(app);
}

/** What the tests do with a session, after the middleware that is there. */
export async function listening(app: Koa): Promise<App> {
  app.use((ctx) => {
    const session = ctx.session as unknown as Record<string, unknown> | null;
    const [, verb, key = '', value] = ctx.path.split('/');
    if (verb === 'logout') ctx.session = null;
    else if (verb === 'login') ctx.session = { user_id: key, seen: { pages: ['/'], ünïcode: '✓' } } as never;
    else if (verb === 'set' && session !== null) session[key] = value;
    ctx.body = ctx.session ?? {};
  });
  const server = createServer(app.callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return client(server);
}
