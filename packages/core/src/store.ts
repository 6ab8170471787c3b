import type { Knex } from 'knex';
import { Batch } from './batch.js';
import { decodeSession, jsonText, serializable } from './codec.js';
import { Collector } from './collector.js';
import { embeddedKnex } from './embedded.js';
import { ensureTable, settingsCheck } from './ensure-table.js';
import { isKssError, KssError } from './errors.js';
import { deleteExpired } from './expired.js';
import { expiryOf } from './expiry.js';
import { layoutOf } from './layout.js';
import { type ResolvedOptions, refuseUnknown, resolveOptions } from './options.js';
import { type Place, placeOf, queryOn, reachedRows } from './place.js';
import { reporter } from './report.js';
import type { StoredRow } from './requests.js';
import { openRevision, ReadRevision, sealRevision, writtenRevision } from './revision.js';
import { Saving } from './saving.js';
import { Search } from './search.js';
import { keyOf } from './sid.js';
import { Sync } from './sync.js';
import { extrasOf } from './table.js';
import type {
  DestroyWhereOptions,
  FieldShape,
  FindOptions,
  Loaded,
  ReadOptions,
  Revision,
  Session,
  SessionColumns,
  SessionData,
  SessionInfo,
  SessionInput,
  SessionStore,
  StoreOptions,
  UpdateOptions,
  Where,
} from './types.js';
import { Upgrade } from './upgrade.js';

/** What lies under a store, for what this package does on its whole table. */
export interface StoreParts {
  readonly place: Place;
  readonly batch: Batch;
  readonly report: (error: unknown) => void;
}

const PARTS = new WeakMap<object, StoreParts>();

/**
 * @throws KssError INVALID_OPTION for what is no store of this very module
 */
export function partsOf(store: object): StoreParts {
  const parts = PARTS.get(store);
  if (parts !== undefined) return parts;
  throw new KssError(
    'INVALID_OPTION',
    'This takes a KnexSessionStore, imported in the same way (import or require) from the same package.',
  );
}

/**
 * Sessions in a table of the SQL database that the app already runs.
 *
 * Every verb waits for the table first, so it can also reject with SYNC_TIMEOUT or TABLE_MISMATCH; after `close()` with CLOSED.
 *
 * @example
 * const sessions = new KnexSessionStore(knex, {
 *   schemas: [{ name: 'user_id', type: 'string', args: [100], index: true }],
 * });
 * await sessions.find({ user_id: 'ada' });
 */
export class KnexSessionStore<const F extends readonly FieldShape[] = readonly []> implements SessionStore {
  readonly #options: ResolvedOptions;
  readonly #place: Place;
  readonly #saving: Saving;
  readonly #owned: boolean;
  readonly #sync: Sync;
  readonly #batch: Batch;
  readonly #search: Search;
  readonly #upgrade: Upgrade | undefined;
  readonly #collector: Collector;
  readonly #report: (error: unknown) => void;
  readonly #over = new AbortController();
  #closing: Promise<void> | undefined;

  /**
   * Begins to make or check the table at once; every call waits for that.
   *
   * @param knex the app's knex, which stays the app's. Without one, a SQLite file (`filename`) that the store owns.
   * @throws KssError INVALID_OPTION, DRIVER_MISSING, UNSUPPORTED_DATABASE
   */
  constructor(knex?: Knex, options?: StoreOptions<F>) {
    if (knex !== undefined && (typeof knex !== 'function' || typeof (knex as Partial<Knex>).raw !== 'function')) {
      throw new KssError(
        'INVALID_OPTION',
        'The first argument must be a knex instance, or undefined for the SQLite file.',
      );
    }
    this.#options = resolveOptions(options);
    if (knex !== undefined && this.#options.filename !== undefined) {
      throw new KssError(
        'INVALID_OPTION',
        'filename is for a store without a knex; this one has the database of yours.',
      );
    }
    this.#owned = knex === undefined;
    const used = knex ?? embeddedKnex(this.#options.filename ?? 'sessions.sqlite');
    this.#place = placeOf(used, layoutOf(this.#options));
    this.#saving = new Saving(this.#place, this.#options);
    this.#report = reporter(this.#options.onError);
    const { sync, syncTimeout, timeout } = this.#options;
    const ensure = () => ensureTable(this.#place, extrasOf(this.#options), timeout);
    this.#sync = new Sync(sync ? ensure : settingsCheck(this.#place, timeout), syncTimeout);
    this.#batch = new Batch(this.#place, this.#options, () => this.#sync.ready());
    this.#upgrade = this.#options.hashSid ? new Upgrade(this.#place, this.#batch) : undefined;
    this.#search = new Search(this.#place, this.#batch, (sid) => this.#keysOf(sid), this.#report);
    const { gcInterval, gcFrequency } = this.#options;
    this.#collector = new Collector((before) => this.#collect(before).catch(this.#report), gcInterval, gcFrequency);
    PARTS.set(this, { place: this.#place, batch: this.#batch, report: this.#report });
    this.#begin().catch(this.#report);
  }

  /**
   * Resolves when the table is there and fits. After a failure, asking again tries again.
   *
   * @throws KssError SYNC_TIMEOUT, TABLE_MISMATCH, DATABASE
   */
  async waitForSync(): Promise<void> {
    this.#open();
    await this.#sync.ready();
  }

  /**
   * The session, as a fresh, plain, mutable object; null where there is none that lives.
   *
   * @throws KssError INVALID_SID, UNREADABLE_ROW (if asked for), TIMEOUT, DATABASE
   */
  async get(sid: string, options?: ReadOptions): Promise<Session<F> | null> {
    const row = await this.#read(sid, options);
    return row && this.#sessionIn(row, options);
  }

  /** {@link get}, with the revision that {@link update} needs to tell this session from a later one. */
  async load(sid: string, options?: ReadOptions): Promise<Loaded<F> | null> {
    const row = await this.#read(sid, options);
    const session = row && this.#sessionIn(row, options);
    return session && { session, revision: sealRevision(new ReadRevision(row, this.#place.layout)) };
  }

  /**
   * Saves a session under a sid, whether there was one or not. What is stored is the session of this moment.
   *
   * @param maxAge milliseconds that it may live; see the lifetime rule
   * @returns the revision of what was saved
   * @throws KssError INVALID_SID, UNSERIALIZABLE, COLUMN_VALUE, TIMEOUT, DATABASE
   */
  async set(sid: string, session: SessionInput<F>, maxAge?: number): Promise<Revision> {
    const key = this.#key(sid);
    const saved = this.#saving.encode(key, session, maxAge);
    this.#upgrade?.rename(sid);
    const token = await this.#batch.write(key, saved);
    return sealRevision(writtenRevision(token, saved, this.#place.layout));
  }

  /**
   * Saves a session that was loaded, and only while it lives: a late save does not bring back what was ended meanwhile,
   * nor does it overwrite another session that was born under the same sid. (In the table of another store, which has no
   * revisions, such a session cannot be told from the one that was loaded.)
   *
   * @returns the new revision, or null where the session is gone
   * @throws KssError INVALID_SID, INVALID_OPTION, UNSERIALIZABLE, COLUMN_VALUE, TIMEOUT, DATABASE
   */
  async update(sid: string, session: SessionInput<F>, options: UpdateOptions = {}): Promise<Revision | null> {
    const { maxAge, revision } = refuseUnknown(options, ['maxAge', 'revision'], 'option of update');
    const key = this.#key(sid);
    const saved = this.#saving.encode(key, session, maxAge);
    const read = revision === undefined ? undefined : openRevision(revision);
    this.#upgrade?.rename(sid);
    if (read === undefined || this.#options.onConflict === 'overwrite') {
      const token = await this.#batch.update(key, saved, read?.token);
      return token === null ? null : sealRevision(writtenRevision(token, saved, this.#place.layout));
    }
    const { again, isMerged } = this.#saving.conflict(key, saved, read, maxAge);
    const token = await this.#batch.updateUnchanged(key, saved, read, again);
    if (token === null) return null;
    read.latest = writtenRevision(token, saved, this.#place.layout, isMerged());
    return sealRevision(writtenRevision(token, saved, this.#place.layout, isMerged()));
  }

  /**
   * Moves the end of a session that lives. It never brings one back, and leaves the data as it is.
   *
   * @param maxAge milliseconds that it may live from now on
   * @param cookie the session's cookie, where it changed in more than its expiry: then the stored one is replaced
   * @returns whether there was such a session
   * @throws KssError INVALID_SID, UNSERIALIZABLE, UNREADABLE_ROW, CONFLICT, TIMEOUT, DATABASE
   */
  async touch(sid: string, maxAge?: number, cookie?: object): Promise<boolean> {
    const key = this.#key(sid);
    const expireAt = serializable(() => expiryOf(maxAge, cookie, this.#options.maxAge, Date.now()));
    const copy = cookie === undefined ? undefined : jsonText(() => ({ cookie }));
    this.#upgrade?.rename(sid);
    if (copy === undefined) return this.#batch.touch(key, expireAt);
    return this.#batch.rewrite(key, expireAt, (text) => this.#saving.withCookie(key, text, copy));
  }

  /**
   * Ends a session.
   *
   * @throws KssError INVALID_SID, TIMEOUT, DATABASE
   */
  async destroy(sid: string): Promise<void> {
    const key = this.#key(sid);
    this.#upgrade?.rename(sid);
    await this.#batch.remove(key);
  }

  /**
   * The live sessions that are meant, the newest first, without their sids.
   *
   * On the table of another store that still writes there, a row of that store's has the columns of its last save by this one, or
   * none: a session can be missed, or be found for the account that it had, until `backfill` runs again.
   *
   * @example
   * await sessions.find({ user_id: 'ada' }, { current: req.sessionID });
   * @throws KssError EMPTY_CRITERIA, INVALID_OPTION, COLUMN_VALUE, TIMEOUT, DATABASE
   */
  async find(where: Where<F> | 'all', options: FindOptions<F> = {}): Promise<SessionInfo<F>[]> {
    this.#open();
    return (await this.#search.find(where, options as FindOptions<readonly FieldShape[]>)) as SessionInfo<F>[];
  }

  /**
   * How many live sessions are meant.
   *
   * @throws KssError EMPTY_CRITERIA, INVALID_OPTION, COLUMN_VALUE, TIMEOUT, DATABASE
   */
  async count(where: Where<F> | 'all'): Promise<number> {
    this.#open();
    return this.#search.count(where);
  }

  /**
   * Ends the sessions that are meant, in one statement (by `handle`: looked up in one, ended in another). With `trx` it is part of
   * the app's transaction, and waits neither for the table nor for writes under way.
   *
   * On the table of another store that still writes there, it ends those that {@link find} finds, and misses those that it misses:
   * run a backfill first.
   *
   * @example
   * await sessions.destroyWhere({ user_id: 'ada' }, { except: req.sessionID }); // "sign out everywhere else"
   * @returns how many are known to have been ended by it: where a connection broke, the statement is sent again, and what the first
   *   one had ended unheard is not counted; the session that a `handle` found counts in any case
   * @throws KssError EMPTY_CRITERIA, INVALID_SID, INVALID_OPTION, COLUMN_VALUE, TIMEOUT, DATABASE
   */
  async destroyWhere(where: Where<F>, options: DestroyWhereOptions = {}): Promise<number> {
    this.#open();
    return this.#search.destroyWhere(where, options);
  }

  /**
   * Deletes the rows that are expired by this process's clock, some at a time, with rests between. `timeout` is for each
   * statement. Collections by time or by reads leave alone what expired less than ten minutes ago.
   *
   * @returns how many it is known to have deleted; what a statement had deleted whose connection broke is not counted
   * @throws KssError TIMEOUT, DATABASE
   */
  async gc(): Promise<number> {
    this.#open();
    return this.#collect(Date.now());
  }

  /**
   * Ends every session of every account.
   *
   * @returns how many rows it is known to have deleted, expired ones included; where a connection broke and the statement was sent
   *   again, what the first one had deleted is not counted
   * @throws KssError TIMEOUT, DATABASE
   */
  async clear(): Promise<number> {
    this.#open();
    return reachedRows(
      this.#place,
      await this.#batch.whole(() => queryOn(this.#place).delete() as PromiseLike<unknown>, 'barrier'),
    );
  }

  /**
   * The table, for any query of the app's own, in a transaction of the app's if one is given. It waits for nothing:
   * neither for the table nor for writes under way. Select columns by name and mind `expire_at`: expired rows are there
   * until they are collected.
   *
   * @throws KssError CLOSED
   */
  repo(
    trx?: Knex.Transaction,
  ): Knex.QueryBuilder<SessionColumns<F> & SessionData, (SessionColumns<F> & SessionData)[]> {
    this.#open();
    return queryOn(this.#place, trx);
  }

  /** Hands an error that no caller waits for to the option `onError`. For adapters of middleware that awaits nothing. */
  report(error: unknown): void {
    this.#report(error);
  }

  /**
   * Stops the timer, waits for what is under way (`timeout` at most) and closes the SQLite file, if it is the store's own.
   * Calls made afterwards reject with CLOSED. Closing twice is closing once.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #begin(): Promise<void> {
    if (this.#options.sync) await this.waitForSync();
    if (this.#closing === undefined) await this.#upgrade?.check();
  }

  async #collect(before: number): Promise<number> {
    const { signal } = this.#over;
    const deleted = await deleteExpired(this.#place, this.#batch, before, signal);
    if (!signal.aborted) await this.#upgrade?.check();
    return deleted;
  }

  async #close(): Promise<void> {
    this.#collector.stop();
    this.#over.abort();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.timeout);
    });
    await Promise.race([Promise.all([this.#batch.idle(), this.#sync.settled()]), late]);
    clearTimeout(timer);
    if (this.#owned) await this.#place.knex.destroy();
  }

  /** @throws KssError at once */
  #read(sid: string, options: ReadOptions | undefined): Promise<StoredRow | null> {
    if (options !== undefined) refuseUnknown(options, ['unreadable'], 'option of load');
    const key = this.#key(sid);
    this.#collector.sawRead();
    this.#upgrade?.rename(sid);
    return this.#batch.read(key);
  }

  /** The session in a row; null where it cannot be read and nobody asked to hear of that. */
  #sessionIn(row: StoredRow, options: ReadOptions | undefined): Session<F> | null {
    try {
      return decodeSession(row, this.#place.layout) as Session<F>;
    } catch (error) {
      this.#report(error);
      if (options?.unreadable === 'reject' || !isKssError(error, 'UNREADABLE_ROW')) throw error;
      return null;
    }
  }

  #key(sid: unknown): string {
    this.#open();
    return keyOf(sid, this.#place.layout.sidWidth, this.#options.hashSid);
  }

  #keysOf(sid: unknown): string[] {
    return this.#upgrade?.keysOf(sid) ?? [keyOf(sid, this.#place.layout.sidWidth)];
  }

  #open(): void {
    if (this.#closing !== undefined) throw new KssError('CLOSED', 'The store was closed; make calls before close().');
  }
}
