import { AsyncLocalStorage } from 'node:async_hooks';
import type { SessionStore as FastifyStore } from '@fastify/session';
import { LoadedSessions, type SessionStore, settle, withUsableCookie } from '@kss/core/adapter';
import type { Session } from 'fastify';

export * from '@kss/core';

type Done = (error?: unknown) => void;

// Where the async context was lost, the sid itself tells that a session was loaded. It does so after the session's end
// too, so that no late save brings the session back; a generator of sids must not give one twice.
const REMEMBERED_SIDS = 10_000;

const requests = new AsyncLocalStorage<object>();

/**
 * A store for @fastify/session over a `KnexSessionStore`.
 *
 * Every method calls back exactly once, in the caller's async context, and returns a promise, which may be ignored.
 *
 * @example
 * const sessions = new KnexSessionStore(knex);
 * app.register(fastifySession, { store: new FastifySessionStore(sessions), secret, rolling: false, saveUninitialized: false });
 */
export class FastifySessionStore implements FastifyStore {
  readonly #core: SessionStore;
  readonly #loaded: LoadedSessions;
  readonly #recent = new Map<string, object>();

  /** @param core the store; it stays open when the app stops, unless the app closes it */
  constructor(core: SessionStore) {
    this.#core = core;
    this.#loaded = new LoadedSessions(core);
  }

  get(sid: string, callback?: (error: unknown, session?: Session | null) => void): Promise<Session | null> {
    // The plugin copies the session into an object of its own, so what was loaded hangs on the request's context.
    const carrier = {};
    const loading = this.#load(sid, carrier) as Promise<Session | null>;
    if (typeof callback !== 'function') return settle(loading, undefined);
    return settle(loading, (error, session) => requests.run(carrier, () => callback(error, session)));
  }

  /** Saves a session; one that was loaded and has been ended meanwhile stays ended, which is no error. */
  set(sid: string, session: Session, callback?: Done): Promise<void> {
    return settle(this.#loaded.save(sid, session, { carrier: this.#carrierOf(sid, session) }), callback);
  }

  destroy(sid: string, callback?: Done): Promise<void> {
    return settle(this.#core.destroy(sid), callback);
  }

  async #load(sid: string, carrier: object): Promise<object | null> {
    const session = await this.#loaded.load(sid, { carrier });
    if (session === null) return null;
    this.#remember(sid, carrier);
    return withUsableCookie(session);
  }

  #carrierOf(sid: string, session: object): object | undefined {
    const request = requests.getStore();
    if (request !== undefined && this.#loaded.sidsOf(request).includes(sid)) return request;
    // The plugin saves objects that know their sid. Any other is the app's own: a new session, whatever was before.
    const ofPlugin = (session as { sessionId?: unknown } | undefined)?.sessionId === sid;
    return ofPlugin ? (this.#recent.get(sid) ?? request) : undefined;
  }

  #remember(sid: string, carrier: object): void {
    this.#recent.delete(sid);
    this.#recent.set(sid, carrier);
    const [oldest] = this.#recent.keys();
    if (this.#recent.size > REMEMBERED_SIDS && oldest !== undefined) this.#recent.delete(oldest);
  }
}
