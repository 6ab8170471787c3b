import { EventEmitter } from 'node:events';
import { LoadedSessions, type SessionData, type SessionStore } from '@kss/core/adapter';
import { currentRequest, enterRequest, watchRequests } from './request.js';

/** How the middleware names its sessions. */
export interface KoaMinimalStoreOptions {
  /** The `key` given to koa-session-minimal: its cookie, and the beginning of its sids. @default 'koa:sess' */
  readonly key?: string;
}

/** The part of Koa's context that holds cookies. */
interface CookieContext {
  readonly cookies: { get(name: string): string | undefined };
}

/**
 * A store for koa-session-minimal over a `KnexSessionStore`.
 *
 * That middleware does not wait for its writes, so `set` and `destroy` never reject: their errors go to the store's
 * `onError`. `get` does reject: an outage must not look like an empty session, which would be saved over the old one.
 *
 * @example
 * app.use(session({ store: new KoaMinimalSessionStore(new KnexSessionStore(knex)) }));
 */
export class KoaMinimalSessionStore extends EventEmitter {
  readonly #core: SessionStore;
  readonly #loaded: LoadedSessions;
  readonly #key: string;

  /** @param core the store; it stays open when the app stops, unless the app closes it */
  constructor(core: SessionStore, { key = 'koa:sess' }: KoaMinimalStoreOptions = {}) {
    super();
    watchRequests();
    this.#core = core;
    this.#loaded = new LoadedSessions(core);
    this.#key = key;
  }

  /** The session, or undefined. The sid survives a miss, so a row that cannot be read rejects. */
  async get(sid: string): Promise<SessionData | undefined> {
    const carrier = enterRequest();
    return (await this.#loaded.load(sid, { carrier, unreadable: 'reject' })) ?? undefined;
  }

  /**
   * Saves a session; one that was loaded and has been ended meanwhile stays ended.
   *
   * @param ttl milliseconds that it may live; see the store's lifetime rule
   */
  set(sid: string, session: object, ttl?: unknown): Promise<void> {
    return this.#reported(this.#loaded.save(sid, session, { maxAge: ttl, carrier: currentRequest() }));
  }

  destroy(sid: string): Promise<void> {
    return this.#reported(this.#core.destroy(sid));
  }

  /** The sid of a request's session as the store knows it, for `current` and `except`; undefined where there is none. */
  sidOf({ cookies }: CookieContext): string | undefined {
    const sid = cookies.get(this.#key);
    return sid === undefined || sid === '' ? undefined : `${this.#key}:${sid}`;
  }

  async #reported(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#core.report(error);
    }
  }
}
