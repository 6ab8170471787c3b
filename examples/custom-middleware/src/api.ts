import type { IncomingMessage, RequestListener } from 'node:http';
import { KnexSessionStore, type SessionStore } from '@kss/core';
import { type Reply, type RequestSession, type SessionOptions, withSessions } from './sessions.js';

const MAX_BODY = 10_000;
const NAME = /^[^\p{Cc}]{1,100}$/u;

/** Sessions in a SQLite file, with a column to find an account's sessions by. */
export function openSessions(filename: string) {
  return new KnexSessionStore(undefined, {
    filename,
    timestamps: true,
    schemas: [{ name: 'user_id', type: 'string', args: [100], index: true }],
  });
}

/** `GET /` counts visits; `POST /sign-in` takes `{"name": …}`; `POST /sign-out` takes `{}`. */
export function createApi(store: SessionStore, options?: SessionOptions): RequestListener {
  return withSessions(
    store,
    (request, session) => {
      const path = request.url?.split('?')[0];
      if (request.method === 'GET' && path === '/') return visit(session);
      if (request.method === 'POST' && path === '/sign-in') return signIn(request, session);
      if (request.method === 'POST' && path === '/sign-out') return signOut(request, session);
      return refusal(404, 'There is nothing here.');
    },
    options,
  );
}

function visit({ data }: RequestSession): Reply {
  data.visits = Number(data.visits ?? 0) + 1;
  return { status: 200, body: { user: data.user_id ?? null, visits: data.visits } };
}

async function signIn(request: IncomingMessage, session: RequestSession): Promise<Reply> {
  if (!isJson(request)) return refusal(415, 'Send JSON.');
  const { name } = Object(await readJson(request)) as { name?: unknown };
  if (typeof name !== 'string' || !NAME.test(name)) return refusal(422, 'Send a name of 1 to 100 characters.');
  session.begin({ visits: session.data.visits ?? 0, user_id: name });
  return { status: 200, body: { user: name } };
}

function signOut(request: IncomingMessage, session: RequestSession): Reply {
  if (!isJson(request)) return refusal(415, 'Send JSON.');
  session.end();
  return { status: 204 };
}

/** Another site's form cannot send JSON, and its script would have to be allowed to. */
function isJson(request: IncomingMessage): boolean {
  return /^application\/json\b/i.test(request.headers['content-type'] ?? '');
}

/** What the body holds; undefined where it is no JSON, or too long. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= MAX_BODY) chunks.push(chunk);
  }
  if (length > MAX_BODY) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return undefined;
  }
}

function refusal(status: number, error: string): Reply {
  return { status, body: { error } };
}
