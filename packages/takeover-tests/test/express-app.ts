import { Agent, type Server, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import session, { type Store } from 'express-session';

/** An app over one store, and a browser for it that is told which cookie to send. */
export interface App {
  request(path: string, cookie?: string): Promise<Reply>;
  close(): Promise<void>;
}

/** An answer of an app. */
export interface Reply {
  readonly status: number;
  readonly session: Record<string, unknown>;
  /** What the browser sends from now on. */
  readonly cookie: string;
}

export const SECRET = 'a secret of the tests';

/** An app over a store. */
export function expressApp(store: Store, maxAge: number): Promise<App> {
  const app = express();
  app.use(
    session({ store, secret: SECRET, resave: false, saveUninitialized: false, rolling: true, cookie: { maxAge } }),
  );
  return listening(app);
}

/** What the tests do with a session: sign in, change it, only use it, and end it. */
export async function listening(app: express.Express): Promise<App> {
  app.get('/login/:user', (req, res) => {
    Object.assign(req.session, { user_id: req.params.user, seen: { pages: ['/'], ünïcode: '✓' } });
    res.json(req.session);
  });
  app.get('/set/:key/:value', (req, res) => {
    Object.assign(req.session, { [req.params.key]: req.params.value });
    res.json(req.session);
  });
  app.get('/me', (req, res) => void res.json(req.session));
  app.get('/logout', (req, res, next) => req.session.destroy((error: unknown) => (error ? next(error) : res.json({}))));
  app.use((error: unknown, _req: express.Request, res: express.Response, _next: express.NextFunction) => {
    res.status(500).json({ error: String((error as Error)?.stack ?? error) });
  });
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  return client(server);
}

/** A browser for a server. */
export function client(server: Server): App {
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  return {
    request: (path, cookie = '') => ask(agent, port, path, cookie),
    async close() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function ask(agent: Agent, port: number, path: string, cookie: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = send({ agent, host: '127.0.0.1', port, path, headers: { cookie } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        const set = (response.headers['set-cookie'] ?? []).map((line) => line.split(';')[0] ?? '');
        const status = response.statusCode ?? 0;
        if (status >= 500) reject(new Error(`${path} answered ${status}: ${text}`));
        else
          resolve({ status, session: JSON.parse(text || '{}') as Reply['session'], cookie: set.join('; ') || cookie });
      });
    });
    request.on('error', reject);
    request.end();
  });
}

/** The session id in a cookie of express-session. */
export function sidOf(cookie: string): string {
  const [, value = ''] = /connect\.sid=([^;]*)/.exec(cookie) ?? [];
  const signed = decodeURIComponent(value);
  return signed.slice(2, signed.lastIndexOf('.'));
}
