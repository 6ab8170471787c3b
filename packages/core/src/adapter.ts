import type { ReadOptions, Revision, SessionData, SessionStore } from './types.js';

export type { Loaded, ReadOptions, Revision, SessionData, SessionStore, UpdateOptions } from './types.js';

/** A callback in Node's manner. */
export type Callback<T> = (error?: unknown, value?: T) => void;

/**
 * Settles a callback exactly once, in the caller's async context and never from inside a promise chain: what the callback
 * throws is an exception of the app's, not a rejection that calls it back a second time.
 *
 * @returns the promise, which may be ignored: its rejection counts as handled
 */
export function settle<T>(work: Promise<T>, callback: Callback<T> | undefined): Promise<T> {
  const told = typeof callback === 'function' ? callback : undefined;
  work.then(
    (value) => told && process.nextTick(told, null, value),
    (error) => told && process.nextTick(told, error),
  );
  return work;
}

/** How a session is saved. */
export interface SaveOptions {
  /** Milliseconds that it may live; see the store's lifetime rule. */
  readonly maxAge?: unknown;
  /** What lives as long as the request, such as Koa's `ctx`, where the session object itself does not last. */
  readonly carrier?: object | undefined;
}

// Sids that one object is known under: its own, and the one that it had before it was regenerated.
const SIDS_PER_OBJECT = 4;

/**
 * Remembers which sessions were loaded, so that a late save of one that was ended meanwhile does not bring it back.
 *
 * A mark hangs on an object (the session, or a carrier) and counts for its sid only: the same object under another sid, a
 * regenerated one, is a new session.
 */
export class LoadedSessions {
  readonly #store: SessionStore;
  readonly #marks = new WeakMap<object, Map<string, Revision>>();

  /** @param store the core that the adapter was given */
  constructor(store: SessionStore) {
    this.#store = store;
  }

  /** Loads a session and marks the object, and the carrier if there is one; null where there is no session. */
  async load(
    sid: string,
    { carrier, ...options }: ReadOptions & Pick<SaveOptions, 'carrier'> = {},
  ): Promise<SessionData | null> {
    const loaded = await this.#store.load(sid, options);
    if (loaded === null) return null;
    this.#mark(sid, loaded.revision, loaded.session, carrier);
    return loaded.session;
  }

  /** Marks the object that a framework made of one that was loaded. */
  inherit(session: object, loaded: object): void {
    const marks = this.#marks.get(loaded);
    if (marks !== undefined) this.#marks.set(session, marks);
  }

  /** The sids under which an object was loaded or saved. */
  sidsOf(object: object): readonly string[] {
    return [...(this.#marks.get(object)?.keys() ?? [])];
  }

  /** Updates a session that was loaded or saved before under this sid, and inserts any other. Gone is no error. */
  async save(sid: string, session: object, { maxAge, carrier }: SaveOptions = {}): Promise<void> {
    const known = this.#marks.get(session)?.get(sid) ?? (carrier && this.#marks.get(carrier)?.get(sid));
    const revision =
      known === undefined
        ? await this.#store.set(sid, session, maxAge)
        : await this.#store.update(sid, session, { maxAge, revision: known });
    if (revision !== null) this.#mark(sid, revision, session, carrier);
  }

  #mark(sid: string, revision: Revision, ...objects: readonly (object | undefined)[]): void {
    for (const object of objects) {
      if (object === undefined) continue;
      const marks = this.#marks.get(object) ?? new Map<string, Revision>();
      marks.delete(sid);
      marks.set(sid, revision);
      const [oldest] = marks.keys();
      if (marks.size > SIDS_PER_OBJECT && oldest !== undefined) marks.delete(oldest);
      this.#marks.set(object, marks);
    }
  }
}
