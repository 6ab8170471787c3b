import { randomBytes } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Revision, SessionData, SessionStore } from '@kss/core';
import { parse, serialize } from 'cookie';

/** What a handler answers. It is sent once the session is saved, so that the next request finds it. */
export interface Reply {
  readonly status: number;
  readonly body?: unknown;
}

/** The session of a request, without its sid: that is a credential, which only the cookie and the store hold. */
export interface RequestSession {
  /** To be read and changed freely. */
  readonly data: SessionData;
  /** Begins another session with this data, under a new sid, and ends the one that was there: at sign-in, always. */
  begin(data: SessionData): void;
  /** Ends the session. */
  end(): void;
}

export type Handler = (request: IncomingMessage, session: RequestSession) => Reply | Promise<Reply>;

export interface SessionOptions {
  /** Milliseconds that a session lives after its last request. @default a day */
  readonly maxAge?: number;
  /** Whether the cookie goes through TLS only. @default false */
  readonly secure?: boolean;
}

/** A session that lived when the request came. */
interface Loaded {
  readonly sid: string;
  readonly session: SessionData;
  readonly revision: Revision;
}

const DAY = 24 * 60 * 60 * 1000;
const COOKIE = 'sid';
const SID = /^[\w-]{43}$/; // 32 bytes in base64url

/** A listener for node:http, made of a handler that wants a session. */
export function withSessions(store: SessionStore, handler: Handler, options: SessionOptions = {}): RequestListener {
  const { maxAge = DAY, secure = false } = options;
  const attributes = { httpOnly: true, sameSite: 'lax', path: '/', secure } as const;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const cookie = parse(request.headers.cookie ?? '')[COOKIE];
    const loaded = await load(store, cookie);
    const before = JSON.stringify(loaded?.session);
    let data = loaded?.session ?? {};
    let same = loaded !== undefined;
    const begin = (fresh: SessionData) => {
      data = fresh;
      same = false;
    };
    const reply = await handler(request, {
      get data() {
        return data;
      },
      begin,
      end: () => begin({}),
    });
    const sid =
      loaded && same
        ? await keep(store, loaded, JSON.stringify(data) !== before, maxAge)
        : await replace(store, loaded, data, maxAge);
    if (sid !== undefined) {
      response.setHeader('Set-Cookie', serialize(COOKIE, sid, { ...attributes, maxAge: Math.ceil(maxAge / 1000) }));
    } else if (cookie !== undefined) {
      response.setHeader('Set-Cookie', serialize(COOKIE, '', { ...attributes, maxAge: 0 }));
    }
    send(response, reply);
  }

  return (request, response) => {
    answer(request, response).catch((error: unknown) => {
      console.error(error);
      send(response, { status: 500, body: { error: 'Something went wrong.' } });
    });
  };
}

async function load(store: SessionStore, sid: string | undefined): Promise<Loaded | undefined> {
  if (sid === undefined || !SID.test(sid)) return undefined;
  const loaded = await store.load(sid);
  return loaded === null ? undefined : { sid, ...loaded };
}

/** Returns the sid, or undefined where somebody ended the session while the request ran: then it stays ended. */
async function keep(store: SessionStore, { sid, session, revision }: Loaded, changed: boolean, maxAge: number) {
  const lives = changed
    ? (await store.update(sid, session, { revision, maxAge })) !== null
    : await store.touch(sid, maxAge);
  return lives ? sid : undefined;
}

/** Returns the sid of the session that was begun, or undefined where there is nothing to remember. */
async function replace(store: SessionStore, ended: Loaded | undefined, data: SessionData, maxAge: number) {
  if (ended) await store.destroy(ended.sid);
  if (Object.keys(data).length === 0) return undefined;
  const sid = randomBytes(32).toString('base64url');
  await store.set(sid, data, maxAge);
  return sid;
}

function send(response: ServerResponse, { status, body }: Reply): void {
  response.statusCode = status;
  response.setHeader('Cache-Control', 'no-store');
  if (body === undefined) {
    response.end();
    return;
  }
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(body));
}
