import type { Request } from 'express';
import type { Session, Store } from 'express-session';
import type { Database } from './databases.js';
import type { AppSession } from './sessions.js';

/** A session store that takes part. */
export interface Peer {
  /** As the tables call it. */
  readonly name: string;
  /** The npm package whose version is reported. */
  readonly package: string;
  /** Whether it keeps its sessions in the database; others run beside as a reference. */
  readonly kind: 'sql' | 'reference';
  serves(database: Database): boolean;
  /** Makes the store over an empty table of that name, or a prefix where there are no tables. */
  open(database: Database, table: string): Promise<Opened>;
}

/** A store of express-session's that is ready, and what closes it: its table goes, and so do its connections. */
export interface Opened {
  readonly store: Store;
  close(): Promise<void>;
}

/** A store as the load drives it: the callbacks of express-session as promises. */
export interface Calls {
  get(sid: string): Promise<AppSession | null | undefined>;
  set(sid: string, session: AppSession): Promise<void>;
  touch(sid: string, session: AppSession): Promise<void>;
  /** What express-session makes of a session that it read, for the length of the request. */
  hydrate(sid: string, session: AppSession): AppSession & Session;
}

type Done<T> = (error?: unknown, value?: T) => void;

/**
 * A call that takes a callback, as a promise.
 *
 * Several stores return a promise as well, which rejects beside the callback or, worse, instead of it: either counts once, and
 * none is left unhandled.
 */
export function promised<T>(call: (done: Done<T>) => unknown): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const returned = call((error, value) => (error ? reject(error) : resolve(value)));
    if (returned instanceof Promise) returned.catch(reject);
  });
}

export function callsOf(store: Store): Calls {
  const touch = store.touch?.bind(store);
  if (touch === undefined) throw new Error('The store has no touch');
  return {
    get: (sid) => promised((done: Done<AppSession | null>) => store.get(sid, done as Parameters<Store['get']>[1])),
    set: (sid, session) => promised<void>((done) => store.set(sid, session, done)),
    touch: (sid, session) => promised<void>((done) => touch(sid, session, done as () => void)),
    hydrate: (sid, session) => store.createSession({ sessionID: sid } as Request, session) as AppSession & Session,
  };
}
