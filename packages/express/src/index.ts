import { LoadedSessions, type SessionStore, settle, slot, withUsableCookie } from '@kss/core/adapter';
import { type Cookie, type Session, type SessionData, Store } from 'express-session';

export * from '@kss/core';

type Request = Parameters<Store['createSession']>[0];
type Done = (error?: unknown) => void;

/**
 * A store for express-session over a `KnexSessionStore`.
 *
 * Every method takes a callback, which is called exactly once, and returns a promise, which may be ignored. Make one for
 * each `session()` middleware; they can share a core.
 *
 * @example
 * const sessions = new KnexSessionStore(knex);
 * app.use(session({ store: new ExpressSessionStore(sessions), secret, resave: false, saveUninitialized: false }));
 */
export class ExpressSessionStore extends Store {
  readonly #core: SessionStore;
  readonly #loaded: LoadedSessions;
  readonly #cookies = slot<CookieAttributes>();

  /** @param core the store; it stays open when the app stops, unless the app closes it */
  constructor(core: SessionStore) {
    super();
    this.setMaxListeners(0); // each session() adds two listeners
    this.#core = core;
    this.#loaded = new LoadedSessions(core);
  }

  override get(
    sid: string,
    callback?: (error: unknown, session?: SessionData | null) => void,
  ): Promise<SessionData | null> {
    return settle(this.#load(sid), callback);
  }

  /** Saves a session; one that was loaded and has been ended meanwhile stays ended, which is no error. */
  override set(sid: string, session: SessionData, callback?: Done): Promise<void> {
    return settle(this.#save(sid, session), callback);
  }

  /** Moves the expiry, and replaces the stored cookie if the request changed more of it than that. */
  override touch(sid: string, session: SessionData, callback?: Done): Promise<void> {
    return settle(this.#touch(sid, session), callback);
  }

  override destroy(sid: string, callback?: Done): Promise<void> {
    return settle(this.#core.destroy(sid), callback);
  }

  /** All live sessions, without their ids. */
  override all(callback?: (error: unknown, sessions?: SessionData[] | null) => void): Promise<SessionData[]> {
    const found = this.#core.find('all', { data: true, limit: Number.POSITIVE_INFINITY });
    return settle(
      found.then((infos) => infos.flatMap(({ data }) => (data === undefined ? [] : [data as unknown as SessionData]))),
      callback,
    );
  }

  /** How many sessions live. */
  override length(callback?: (error: unknown, length?: number) => void): Promise<number> {
    return settle(this.#core.count('all'), callback);
  }

  override clear(callback?: Done): Promise<void> {
    return settle(
      this.#core.clear().then(() => undefined),
      callback,
    );
  }

  /** Called by express-session with what `get` gave. A session that another framework saved without a cookie gets one. */
  override createSession(request: Request, data: SessionData): Session & SessionData {
    const withCookie = data as { cookie?: unknown };
    withCookie.cookie ??= { originalMaxAge: null, expires: null };
    const before: object | null | undefined = request.session;
    const session = super.createSession(request, data);
    // An app that makes its session anew out of a literal goes on with the session of the request.
    if (before) this.#loaded.inherit(session, before);
    this.#loaded.inherit(session, data);
    this.#cookies.set(session, attributesOf(session.cookie));
    return session;
  }

  async #load(sid: string): Promise<SessionData | null> {
    const session = await this.#loaded.load(sid);
    return session && (withUsableCookie(session) as unknown as SessionData);
  }

  async #save(sid: string, session: SessionData): Promise<void> {
    const attributes = attributesOf(session?.cookie);
    await this.#loaded.save(sid, session);
    this.#cookies.set(session, attributes);
  }

  async #touch(sid: string, session: SessionData): Promise<void> {
    const cookie = session?.cookie;
    const attributes = attributesOf(cookie);
    const before = this.#cookies.get(session);
    const changed = before !== undefined && !sameAttributes(before, attributes);
    await this.#core.touch(sid, remaining(cookie), changed ? cookie : undefined);
    if (changed) this.#cookies.set(session, attributes);
  }
}

/** A cookie without its expiry, to compare. */
interface CookieAttributes {
  readonly originalMaxAge: unknown;
  /** As JSON; undefined where it is none, which is for the core to refuse. */
  readonly rest: string | undefined;
}

function attributesOf(cookie: Cookie | undefined): CookieAttributes {
  const { toJSON } = (cookie ?? {}) as { toJSON?: () => object };
  const plain = typeof toJSON === 'function' ? toJSON.call(cookie) : cookie;
  const { expires: _, originalMaxAge, ...rest } = (plain ?? {}) as Record<string, unknown>;
  return { originalMaxAge, rest: stringified(rest) };
}

function stringified(value: object): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

// express-session sets `maxAge` anew in each request, and reads it back from a clock that may have moved.
const CLOCK_DRIFT_MS = 100;

function sameAttributes(a: CookieAttributes, b: CookieAttributes): boolean {
  if (b.rest === undefined || a.rest !== b.rest) return false;
  const both = typeof a.originalMaxAge === 'number' && typeof b.originalMaxAge === 'number';
  return (
    a.originalMaxAge === b.originalMaxAge ||
    (both && Math.abs(Number(a.originalMaxAge) - Number(b.originalMaxAge)) < CLOCK_DRIFT_MS)
  );
}

/** Milliseconds that the cookie has left. The core reads 0 as "not given", and here it means over. */
function remaining(cookie: Cookie | undefined): number | undefined {
  const maxAge = cookie?.maxAge;
  if (typeof maxAge !== 'number') return undefined;
  return maxAge === 0 ? -1 : maxAge;
}
