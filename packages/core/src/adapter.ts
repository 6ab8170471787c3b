import type { Revision, SessionStore } from './types.js';

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
  work.then(
    (value) => callback && process.nextTick(callback, null, value),
    (error) => callback && process.nextTick(callback, error),
  );
  return work;
}

/** What is known of a session object: under which sid it was loaded or saved, and in which revision. */
interface Mark {
  readonly sid: string;
  readonly revision: Revision;
}

/**
 * Remembers which session objects were loaded, so that a late save of one that was ended meanwhile does not bring it back.
 *
 * The mark counts for its sid only: the same object under another sid (a regenerated one) is a new session.
 */
export class LoadedSessions {
  readonly #store: SessionStore;
  readonly #marks = new WeakMap<object, Mark>();

  constructor(store: SessionStore) {
    this.#store = store;
  }

  /** Loads a session and marks the object; null where there is none. */
  async load(sid: string): Promise<Record<string, unknown> | null> {
    const loaded = await this.#store.load(sid);
    if (loaded === null) return null;
    this.#marks.set(loaded.session, { sid, revision: loaded.revision });
    return loaded.session;
  }

  /** Marks the object that a framework made of one that was loaded. */
  inherit(session: object, loaded: object): void {
    const mark = this.#marks.get(loaded);
    if (mark !== undefined) this.#marks.set(session, mark);
  }

  /** Updates a session that was loaded or saved before under this sid, and inserts any other. Gone is no error. */
  async save(sid: string, session: object, maxAge?: unknown): Promise<void> {
    const mark = this.#marks.get(session);
    const revision =
      mark?.sid === sid
        ? await this.#store.update(sid, session, { maxAge, revision: mark.revision })
        : await this.#store.set(sid, session, maxAge);
    if (revision !== null) this.#marks.set(session, { sid, revision });
  }
}
