import { slot } from './slot.js';
import type { ReadOptions, Revision, SessionData, SessionStore } from './types.js';

export { withUsableCookie } from './cookie.js';
export { type Slot, slot } from './slot.js';
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

/** What an object is known under, the latest last. */
type Marks = { readonly sid: string; readonly revision: Revision }[];

/**
 * Remembers which sessions were loaded, so that a late save of one that was ended meanwhile does not bring it back.
 *
 * A mark hangs on an object (the session, or a carrier) and counts for its sid only: the same object under another sid, a
 * regenerated one, is a new session.
 */
export class LoadedSessions {
  readonly #store: SessionStore;
  readonly #marks = slot<Marks>();

  /** @param store the core that the adapter was given */
  constructor(store: SessionStore) {
    this.#store = store;
  }

  /** Loads a session and marks the object, and the carrier if there is one; null where there is no session. */
  async load(sid: string, options?: ReadOptions & Pick<SaveOptions, 'carrier'>): Promise<SessionData | null> {
    // Most give none, and every read has them looked through.
    const { carrier, ...read } = options ?? {};
    const loaded = await this.#store.load(sid, options && read);
    if (loaded === null) return null;
    this.#mark(sid, loaded.revision, loaded.session);
    if (carrier !== undefined) this.#mark(sid, loaded.revision, carrier);
    return loaded.session;
  }

  /** Marks the object that a framework made of one that was loaded. */
  inherit(session: object, loaded: object): void {
    const marks = this.#marks.get(loaded);
    if (marks !== undefined) this.#marks.set(session, marks);
  }

  /** The sids under which an object was loaded or saved. */
  sidsOf(object: object): readonly string[] {
    return (this.#marks.get(object) ?? []).map(({ sid }) => sid);
  }

  /** Updates a session that was loaded or saved before under this sid, and inserts any other. Gone is no error. */
  async save(sid: string, session: object, { maxAge, carrier }: SaveOptions = {}): Promise<void> {
    const known = this.#markOf(session, sid) ?? (carrier && this.#markOf(carrier, sid));
    const revision =
      known === undefined
        ? await this.#store.set(sid, session, maxAge)
        : await this.#store.update(sid, session, { maxAge, revision: known });
    if (revision === null) return;
    this.#mark(sid, revision, session);
    if (carrier !== undefined) this.#mark(sid, revision, carrier);
  }

  #markOf(object: object, sid: string): Revision | undefined {
    return this.#marks.get(object)?.find((mark) => mark.sid === sid)?.revision;
  }

  #mark(sid: string, revision: Revision, object: object): void {
    const marks = this.#marks.get(object);
    if (marks === undefined) {
      this.#marks.set(object, [{ sid, revision }]);
      return;
    }
    const at = marks.findIndex((mark) => mark.sid === sid);
    if (at >= 0) marks.splice(at, 1);
    marks.push({ sid, revision });
    if (marks.length > SIDS_PER_OBJECT) marks.shift();
  }
}
