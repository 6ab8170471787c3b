import type { Knex } from 'knex';
import { Batch, type SavedSession, type StoredRow } from './batch.js';
import { decodeSession, encodeSession, jsonText, parseSession } from './codec.js';
import { Collector } from './collector.js';
import { bindField } from './dialect/index.js';
import { embeddedKnex } from './embedded.js';
import { isKssError, KssError } from './errors.js';
import { wrapError } from './executor.js';
import { expiryOf } from './expiry.js';
import { layoutOf } from './layout.js';
import { type ResolvedOptions, refuseUnknown, resolveOptions } from './options.js';
import { deletedRows, type Place, placeOf, queryOn } from './place.js';
import { reporter } from './report.js';
import { openRevision, sealRevision } from './revision.js';
import { Search } from './search.js';
import { keyOf } from './sid.js';
import { Sync } from './sync.js';
import { ensureTable } from './table.js';
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

const GC_CHUNK = 1000;
const SYNC_RETRIES = 5;

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
  readonly #owned: boolean;
  readonly #sync: Sync;
  readonly #batch: Batch;
  readonly #search: Search;
  readonly #collector: Collector;
  readonly #report: (error: unknown) => void;
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
    this.#report = reporter(this.#options.onError);
    this.#sync = new Sync(this.#options.sync ? () => this.#ensureTable() : undefined, this.#options.syncTimeout);
    this.#batch = new Batch(this.#place, this.#options.timeout, () => this.#sync.ready());
    this.#search = new Search(this.#place, this.#batch, this.#report);
    const { gcInterval, gcFrequency } = this.#options;
    this.#collector = new Collector(() => this.gc().catch(this.#report), gcInterval, gcFrequency);
    this.waitForSync().catch(this.#report);
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
    return (await this.load(sid, options))?.session ?? null;
  }

  /** {@link get}, with the revision that {@link update} needs to tell this session from a later one. */
  async load(sid: string, options?: ReadOptions): Promise<Loaded<F> | null> {
    if (options !== undefined) refuseUnknown(options, ['unreadable'], 'option of load');
    const row = await this.#read(sid);
    try {
      return (
        row && { session: decodeSession(row, this.#place.layout) as Session<F>, revision: sealRevision(row.token) }
      );
    } catch (error) {
      this.#report(error);
      if (options?.unreadable === 'reject' || !isKssError(error, 'UNREADABLE_ROW')) throw error;
      return null;
    }
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
    return sealRevision(await this.#batch.write(key, this.#encode(session, maxAge)));
  }

  /**
   * Saves a session that was loaded, and only while it lives: a late save does not bring back what was ended meanwhile,
   * nor does it overwrite another session that was born under the same sid.
   *
   * @returns the new revision, or null where the session is gone
   * @throws KssError INVALID_SID, INVALID_OPTION, UNSERIALIZABLE, COLUMN_VALUE, TIMEOUT, DATABASE
   */
  async update(sid: string, session: SessionInput<F>, options: UpdateOptions = {}): Promise<Revision | null> {
    refuseUnknown(options, ['maxAge', 'revision'], 'option of update');
    const key = this.#key(sid);
    const token = options.revision === undefined ? undefined : openRevision(options.revision);
    const written = await this.#batch.update(key, this.#encode(session, options.maxAge), token);
    return written === null ? null : sealRevision(written);
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
    const expireAt = expiryOf(maxAge, cookie, this.#options.maxAge, Date.now());
    if (cookie === undefined) return this.#batch.touch(key, expireAt);
    const copy = jsonText(() => ({ cookie }));
    return this.#batch.rewrite(key, expireAt, (text) =>
      JSON.stringify({ ...parseSession(key, text), ...JSON.parse(copy) }),
    );
  }

  /**
   * Ends a session.
   *
   * @throws KssError INVALID_SID, TIMEOUT, DATABASE
   */
  async destroy(sid: string): Promise<void> {
    await this.#batch.remove(this.#key(sid));
  }

  /**
   * The live sessions that are meant, the newest first, without their sids.
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
   * @example
   * await sessions.destroyWhere({ user_id: 'ada' }, { except: req.sessionID }); // "sign out everywhere else"
   * @returns how many
   * @throws KssError EMPTY_CRITERIA, INVALID_SID, INVALID_OPTION, COLUMN_VALUE, TIMEOUT, DATABASE
   */
  async destroyWhere(where: Where<F>, options: DestroyWhereOptions = {}): Promise<number> {
    this.#open();
    return this.#search.destroyWhere(where, options);
  }

  /**
   * Deletes expired rows, in chunks. `timeout` is for each chunk.
   *
   * @returns how many
   * @throws KssError TIMEOUT, DATABASE
   */
  async gc(): Promise<number> {
    this.#open();
    const now = Date.now();
    for (let deleted = 0; ; ) {
      const result = await this.#batch.wholeSql(() =>
        this.#place.dialect.deleteExpired(this.#place.layout, this.#place.table, this.#place.quote, now, GC_CHUNK),
      );
      const chunk = this.#place.dialect.affected(result);
      deleted += chunk;
      if (chunk < GC_CHUNK || this.#closing !== undefined) return deleted;
    }
  }

  /**
   * Ends every session of every account.
   *
   * @returns how many rows there were, expired ones included
   * @throws KssError TIMEOUT, DATABASE
   */
  async clear(): Promise<number> {
    this.#open();
    return deletedRows(
      this.#place,
      await this.#batch.wholeBefore(() => queryOn(this.#place).delete() as PromiseLike<unknown>),
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

  async #close(): Promise<void> {
    this.#collector.stop();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.timeout);
    });
    await Promise.race([Promise.all([this.#batch.idle(), this.#sync.settled()]), late]);
    clearTimeout(timer);
    if (this.#owned) await this.#place.knex.destroy();
  }

  async #ensureTable(): Promise<void> {
    const extras = new Map(this.#options.schemas.flatMap(({ name, extra }) => (extra ? [[name, extra]] : [])));
    const { dialect } = this.#place;
    for (let tried = 0; ; tried++) {
      try {
        return await ensureTable(this.#place, extras);
      } catch (error) {
        // Another store of the same file may be making it just now.
        if (tried === SYNC_RETRIES || dialect.failure(error).kind !== 'transient') {
          throw wrapError(error, dialect, this.#options.timeout);
        }
        await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 50));
      }
    }
  }

  async #read(sid: string): Promise<StoredRow | null> {
    const key = this.#key(sid);
    this.#collector.sawRead();
    return this.#batch.read(key);
  }

  #encode(session: object, maxAge: unknown): SavedSession {
    const { dialect, layout } = this.#place;
    const encoded = encodeSession(session, layout, (field, value) => bindField(dialect, field, value));
    const { cookie } = session as { cookie?: unknown };
    return { ...encoded, expireAt: expiryOf(maxAge, cookie, this.#options.maxAge, Date.now()) };
  }

  #key(sid: unknown): string {
    this.#open();
    return keyOf(sid, this.#place.layout.sidWidth);
  }

  #open(): void {
    if (this.#closing !== undefined) throw new KssError('CLOSED', 'The store was closed; make calls before close().');
  }
}
