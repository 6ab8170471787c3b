import { EventEmitter } from 'node:events';
import { LoadedSessions, type SessionData, type SessionStore, slot } from '@kss/core/adapter';
import { currentRequest, enterRequest, isLost, rememberEnded, rememberFound, watchRequests } from './request.js';

/** How the middleware names its sessions. */
export interface KoaStoreOptions {
  /** The `prefix` given to koa-generic-session. koa-session's own prefix is part of its keys. @default 'koa:sess:' */
  readonly prefix?: string;
}

/** The part of Koa's context that holds a session. */
interface SessionContext {
  /** koa-session's, which knows its key. Under koa-generic-session's `defer`, reading this loads the session. */
  readonly session?: unknown;
  /** Only koa-generic-session has it. */
  readonly sessionId?: unknown;
  /** Only koa-session has it. */
  readonly sessionOptions?: unknown;
}

// Under which key koa-session last saved a request's session. A ContextStore is made for each request, so no store has it.
const savedAs = slot<string>();

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
    watchRequests();
    this.setMaxListeners(0); // each session() of koa-generic-session adds two listeners
    this.#core = core;
    this.#loaded = new LoadedSessions(core);
    this.#prefix = prefix;
  }

  /** The session, or undefined. koa-session passes its `ctx`; without one, the async context stands for the request. */
  async get<T = SessionData | undefined>(sid: string, _ttl?: unknown, options?: { readonly ctx?: object }): Promise<T> {
    if (options?.ctx !== undefined) return (await this.#load(sid, options.ctx)) as T;
    const request = enterRequest();
    const session = await this.#load(sid, request);
    rememberFound(request, sid, session !== undefined);
    return session as T;
  }

  /**
   * Saves a session; one that was loaded and has been ended meanwhile stays ended, which is no error.
   *
   * @param ttl milliseconds that it may live; see the store's lifetime rule
   */
  async set(sid: string, session: object, ttl?: unknown, options?: { readonly ctx?: object }): Promise<void> {
    if (this.#isRevival(sid, session)) return;
    const ctx = options?.ctx;
    await this.#loaded.save(sid, session, { maxAge: ttl, carrier: ctx ?? currentRequest() });
    if (ctx !== undefined) savedAs.set(ctx, sid);
  }

  async destroy(sid: string, _options?: { readonly ctx?: object }): Promise<void> {
    rememberEnded(sid);
    await this.#core.destroy(sid);
  }

  /** The sid of a request's session as the store knows it, for `current` and `except`; undefined where there is none. */
  sidOf(ctx: SessionContext): string | undefined {
    if (!('sessionOptions' in ctx)) return typeof ctx.sessionId === 'string' ? this.#prefix + ctx.sessionId : undefined;
    if (typeof ctx.session !== 'object' || ctx.session === null) return undefined;
    const { externalKey } = ctx.session as { externalKey?: unknown };
    // After regenerate(), koa-session's own externalKey is still the old one.
    return savedAs.get(ctx) ?? (typeof externalKey === 'string' ? externalKey : undefined);
  }

  async #load(sid: string, carrier: object): Promise<SessionData | undefined> {
    return (await this.#loaded.load(sid, { carrier })) ?? undefined;
  }

  /**
   * koa-generic-session's `saveSession()` reads again before it saves. Where the session was ended in between, it takes a new
   * sid and saves the old object there, which would bring the session back.
   */
  #isRevival(sid: string, session: object): boolean {
    const known = this.#loaded.sidsOf(session);
    return !known.includes(sid) && known.some(isLost);
  }
}
