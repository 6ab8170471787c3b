import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { ExpressSessionStore, isKssError, KnexSessionStore } from '@kss/express';
import express, { type Request } from 'express';
import session from 'express-session';
import type { Knex } from 'knex';
import { Server, type Socket } from 'socket.io';

export function createChat(knex: Knex) {
  const sessions = new KnexSessionStore(knex, {
    schemas: [{ name: 'user_id', type: 'string', args: [100], index: true }],
  });

  const withSession = session({
    store: new ExpressSessionStore(sessions),
    secret: process.env.SESSION_SECRET ?? 'a secret of your own',
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: 'lax', secure: 'auto' },
  });
  const app = express();
  const server = createServer(app);
  const io = new Server(server);

  app.use(withSession);
  io.engine.use(withSession); // the handshake brings the same cookie
  io.use((socket, next) => next(requestOf(socket).session.user_id ? undefined : new Error('Sign in first.')));

  io.on('connection', (socket) => {
    socket.join(handleOf(requestOf(socket).sessionID));
    socket.on('count', async (reply: unknown) => {
      if (typeof reply !== 'function') return; // a client sends what it likes, and nothing catches what is thrown here
      try {
        reply({ count: await count(requestOf(socket)) });
      } catch (error) {
        if (isKssError(error)) return reply({ error: 'Try again later.' }); // the database is away
        socket.disconnect(true); // the session has ended
      }
    });
  });

  // An app asks for more than a name.
  app.post('/login', express.json(), async (req, res) => {
    await promisify(req.session.regenerate).call(req.session);
    req.session.user_id = String(req.body.name);
    res.sendStatus(204);
  });

  app.post('/devices/:handle/end', async (req, res) => {
    const { handle } = req.params;
    const { user_id } = req.session;
    const ended = user_id ? await sessions.destroyWhere({ user_id }, { handle }) : 0;
    if (ended > 0) io.in(handle).disconnectSockets(true);
    res.json({ ended });
  });
  return { server, sessions };
}

/** Other requests may have changed the session since the handshake: load it, change it, save it. */
async function count(request: Request): Promise<number> {
  await promisify(request.session.reload).call(request.session); // refuses a session that has ended
  const { session } = request; // another object than before
  session.count = (session.count ?? 0) + 1;
  await promisify(session.save).call(session);
  return session.count;
}

/** Where the session middleware put the session of a socket's handshake. */
function requestOf(socket: Socket): Request {
  return socket.request as Request;
}

/** A session's public name, as `find` lists it and the page knows it. */
function handleOf(sid: string): string {
  return createHash('sha256').update(sid).digest('base64url');
}

declare module 'express-session' {
  interface SessionData {
    user_id?: string;
    count?: number;
  }
}
