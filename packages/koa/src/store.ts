import { EventEmitter } from 'node:events';
import { LoadedSessions, type SessionData, type SessionStore } from '@kss/core/adapter';
import { currentRequest, enterRequest, rememberEnded } from './request.js';

/** How the middleware names its sessions. */
export interface KoaStoreOptions {
  /** The `prefix` given to koa-generic-session. koa-session's own prefix is part of its keys. @default 'koa:sess:' */
  readonly prefix?: string;
}

/** The part of Koa's context that holds a session. */
interface SessionContext {
  readonly session?: unknown;
  readonly sessionId?: unknown;
}

/**
 * A store for koa-generic-session (Koa 1, 2 and 3) and koa-session over a `KnexSessionStore`.
 *
 * Every method returns a promise, which generators can yield, and which rejects with a `KssError`. It is an EventEmitter
 * that emits nothing: an idle `disconnect` would end a process of koa-generic-session.
 *
 * @example
 * const store = new KoaSessionStore(new KnexSessionStore(knex));
 * app.use(session({ store }));            // koa-generic-session
 * app.use(createSession({ store }, app)); // koa-session
 */
export class KoaSessionStore extends EventEmitter {
  readonly #core: SessionStore;
  readonly #loaded: LoadedSessions;
  readonly #prefix: string;

  /** @param core the store; it stays open when the app stops, unless the app closes it */
  constructor(core: SessionStore, { prefix = 'koa:sess:' }: KoaStoreOptions = {}) {
    super();
    this.#core = core;
    this.#loaded = new LoadedSessions(core);
    this.#prefix = prefix;
  }

  /** The session, or undefined. koa-session passes its `ctx`; without one, the async context stands for the request. */
  async get<T = SessionData | undefined>(sid: string, _ttl?: unknown, options?: { readonly ctx?: object }): Promise<T> {
    const carrier = options?.ctx ?? enterRequest();
    return ((await this.#loaded.load(sid, { carrier })) ?? undefined) as T;
  }

  /**
   * Saves a session; one that was loaded and has been ended meanwhile stays ended, which is no error.
   *
   * @param ttl milliseconds that it may live; see the store's lifetime rule
   */
  async set(sid: string, session: object, ttl?: unknown, options?: { readonly ctx?: object }): Promise<void> {
    if (this.#isRevival(sid, session)) return;
    await this.#loaded.save(sid, session, { maxAge: ttl, carrier: options?.ctx ?? currentRequest() });
  }

  async destroy(sid: string, _options?: { readonly ctx?: object }): Promise<void> {
    rememberEnded(sid);
    await this.#core.destroy(sid);
  }

  /** The sid of a request's session as the store knows it, for `current` and `except`; undefined where there is none. */
  sidOf({ session, sessionId }: SessionContext): string | undefined {
    const { externalKey } = (session ?? {}) as { externalKey?: unknown };
    if (typeof externalKey === 'string') return externalKey;
    return typeof sessionId === 'string' ? this.#prefix + sessionId : undefined;
  }

  /**
   * koa-generic-session's `saveSession()` reads again before it saves. Where the session was ended in between, it takes a new
   * sid and saves the old object there, which would bring the session back. A request that ended the old sid itself may.
   */
  #isRevival(sid: string, session: object): boolean {
    const known = this.#loaded.sidsOf(session);
    if (known.length === 0 || known.includes(sid)) return false;
    return !known.some((old) => currentRequest()?.ended.has(old));
  }
}
