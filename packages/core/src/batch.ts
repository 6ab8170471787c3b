import { Calls, type Outcome, type Performed } from './calls.js';
import type { EncodedSession } from './codec.js';
import { type Overtaken, overtakenOf, settleOvertaken } from './conflicts.js';
import { type Content, guardOf, newToken, nextRandomOf, type Written } from './content.js';
import { Deadlines } from './deadline.js';
import { contentValues, type Sql } from './dialect/index.js';
import { Dispatch } from './dispatch.js';
import { isKssError, KssError } from './errors.js';
import { Executor, slotsFor } from './executor.js';
import { filledValues, guardValues, textValues, touchedValues } from './layout.js';
import type { BatchLimits } from './options.js';
import type { Place } from './place.js';
import { type Again, type Inputs, type RequestKind, type StoredRow, sizeOf } from './requests.js';
import type { OpenRevision } from './revision.js';
import { ANY_INCARNATION, incarnationOf, NO_TOKEN } from './token.js';
import { isSpared, KnownExpiries, touchWindow } from './touch-after.js';
import { ownedValues, type WholeRow } from './whole-table.js';

const TRIES = 5;
const NONE: readonly Overtaken[] = [];
/** What no row has. */
const NO_CONTENT: Content = { text: 'none', values: [] };

/** A session to save, with its end in epoch milliseconds. */
export interface SavedSession extends Written {
  readonly expireAt: number;
}

const ONE_BY_ONE: BatchLimits = { maxSize: 1, concurrency: 4, prepare: true };

/** What the calls of a store share. */
export interface BatchOptions {
  /** `false`: one call, one statement. */
  readonly batch: BatchLimits | false;
  /** Milliseconds that a call has. */
  readonly timeout: number;
  /** Milliseconds. */
  readonly touchAfter: number;
}

/**
 * Many calls, few statements: the calls that arrive while the event loop turns go together, by kind.
 *
 * Operations of one sid run in the order of the calls; each call ends at its deadline.
 */
export class Batch {
  readonly #place: Place;
  readonly #executor: Executor;
  readonly #dispatch: Dispatch;
  readonly #calls: Calls;
  readonly #touchAfter: number;
  readonly #known: KnownExpiries | undefined;

  /** @param ready what to wait for before a statement is sent; undefined where there is nothing to wait for */
  constructor(place: Place, { batch, timeout, touchAfter }: BatchOptions, ready: () => Promise<void> | undefined) {
    const limits = batch === false ? ONE_BY_ONE : batch;
    const deadlines = new Deadlines(timeout);
    this.#place = place;
    this.#executor = new Executor(place, timeout, deadlines);
    this.#dispatch = new Dispatch(place, this.#executor, limits.prepare);
    this.#calls = new Calls({
      deadlines,
      ready,
      slots: slotsFor(place, limits.concurrency),
      shares: batch !== false,
      most: (kind) => Math.min(limits.maxSize, this.#dispatch.most(kind)),
      perform: (kind, inputs, at) => this.#perform(kind, inputs, at),
    });
    this.#touchAfter = touchAfter;
    this.#known = touchAfter > 0 ? new KnownExpiries() : undefined;
  }

  /** The live row. The object is shared by the reads that go together. */
  read(key: string): Promise<StoredRow | null> {
    return this.#calls.request('read', key, key, 0);
  }

  /** Inserts or replaces; resolves to the token. */
  write(key: string, saved: SavedSession): Promise<number> {
    return this.#calls.request(
      'upsert',
      key,
      {
        key,
        token: newToken(saved, this.#place.layout),
        text: saved.text,
        values: saved.values,
        expireAt: saved.expireAt,
      },
      sizeOf(saved),
    );
  }

  /** Replaces a live row, of the token's incarnation if there is one; resolves to the new token, or null where there is no such row. */
  update(key: string, saved: SavedSession, known: number | undefined): Promise<number | null> {
    const [lowest, highest] = known === undefined ? ANY_INCARNATION : incarnationOf(known);
    return this.#update(key, saved, { known, lowest, highest, expected: null, again: undefined });
  }

  /**
   * Replaces a live row that has this token still; where it has another one of the same incarnation, replaces it with what
   * `again` makes of it.
   *
   * @param read what was read, or written before; where the row is known to have more than that, `again` is needed in any case
   * @throws KssError CONFLICT after five tries, DATABASE where nobody knows whether it was done, and what `again` throws
   */
  updateUnchanged(key: string, saved: SavedSession, read: OpenRevision, again: Again): Promise<number | null> {
    const { dialect, layout } = this.#place;
    const { token: known, merged } = read;
    const range = merged ? NO_TOKEN : known;
    const expected =
      layout.revision === undefined ? contentValues(layout, dialect, merged ? NO_CONTENT : read.content()) : null;
    return this.#update(key, saved, { known, lowest: range, highest: range, expected, again, unheard: {} });
  }

  /**
   * Moves the expiry of a live row, or leaves it where it is moved by too little; whether there was one, as far as is known
   * without a statement.
   */
  touch(key: string, expireAt: number): Promise<boolean> {
    if (this.#known === undefined) return this.#calls.request('touch', key, { key, expireAt }, 0);
    const now = Date.now();
    const window = touchWindow(this.#touchAfter, expireAt, now);
    // What is under way may change the expiry that is known.
    const known = this.#calls.isBusy(key) ? undefined : this.#known.get(key);
    if (known === undefined || known <= now) return this.#touchByRow(key, expireAt, window);
    if (isSpared(known, expireAt, window)) return Promise.resolve(true);
    return this.#calls.request('touch', key, { key, expireAt }, 0);
  }

  remove(key: string): Promise<void> {
    return this.#calls.request('remove', key, key, 0);
  }

  /**
   * Rewrites the text of a live row, and moves its expiry; whether there was one. Compare and swap: where another process
   * comes between, the text is read again.
   *
   * @throws KssError CONFLICT after five tries, and what `change` throws
   */
  rewrite(key: string, expireAt: number, change: (text: string | null) => string): Promise<boolean> {
    return this.#calls.errand(key, async (at) => {
      for (let tried = 0; tried < TRIES; tried++) {
        const row = await this.#dispatch.single.read(key, at);
        if (row === null) return false;
        const text = change(row.text);
        const guard = guardOf(row, [row.text], this.#place.layout);
        const result = await this.#dispatch.raw(at, () => {
          const now = Date.now();
          const bindings = textValues(this.#place.layout, expireAt, text, now);
          const { replaceText } = this.#dispatch.statements;
          return { sql: replaceText, bindings: [...bindings, ...guardValues(this.#place.layout, { ...guard, now })] };
        });
        if (this.#place.dialect.updatedToken(result) === undefined) continue;
        this.#known?.note(key, expireAt);
        return true;
      }
      throw new KssError('CONFLICT', `The session changed ${TRIES} times while it was rewritten; try again.`);
    });
  }

  /**
   * Gives a row another key; where a row has that one already, it is the newer, and the other is deleted. It is for the call with
   * the new key that is made next, which fails where this does.
   */
  rename(from: string, to: string, renamed: () => void): void {
    const { dialect, layout, table, quote } = this.#place;
    const sql = `update ${table} set ${quote(layout.sid)} = ? where ${quote(layout.sid)} = ?`;
    this.#calls.lead(to, async (at) => {
      try {
        await this.#dispatch.raw(at, () => ({ sql, bindings: [to, from] }));
      } catch (error) {
        if (!isKssError(error, 'COLUMN_VALUE') || dialect.failure(error.cause).kind !== 'unique') throw error;
        await this.#dispatch.single.remove(from, at);
      }
      renamed();
    });
  }

  /** Replaces columns and text of a live row that is still as it was read, and not its expiry; whether it was. */
  fill(
    row: Pick<WholeRow, 'key' | 'token' | 'text' | 'values'>,
    filled: Pick<EncodedSession, 'text' | 'values'>,
  ): Promise<boolean> {
    const { dialect, layout } = this.#place;
    const content = { text: row.text, values: ownedValues(row, this.#place) };
    const guard = guardOf(row, contentValues(layout, dialect, content), layout);
    return this.#calls.errand(row.key, async (at) => {
      const result = await this.#dispatch.raw(at, () => ({
        sql: this.#dispatch.statements.fill,
        bindings: [...filledValues(filled), ...guardValues(layout, { ...guard, now: Date.now() })],
      }));
      return dialect.updatedToken(result) !== undefined;
    });
  }

  /**
   * A query on many rows; it sees the writes called before it.
   *
   * @param as a write is seen by later ones on many rows; a barrier is waited for by every write that is called after it
   */
  whole<T>(make: () => PromiseLike<T>, as: 'read' | 'write' | 'barrier' = 'read'): Promise<T> {
    return this.#calls.errandOnMany(async (at) => {
      try {
        return await this.#executor.send(at, make);
      } finally {
        if (as !== 'read') this.#known?.clear(); // which sessions it ended, nobody says
      }
    }, as);
  }

  /** {@link whole} for a statement of ours, with its result as the driver gives it. */
  wholeSql(make: () => Sql): Promise<unknown> {
    return this.#calls.errandOnMany((at) => this.#dispatch.raw(at, make), 'read');
  }

  /** Resolves when nothing is under way any more. */
  idle(): Promise<void> {
    return this.#calls.idle();
  }

  /** Leaves it to the statement whether the expiry is moved by enough; where it was not, the row tells the expiry that it has. */
  #touchByRow(key: string, expireAt: number, window: number): Promise<boolean> {
    return this.#calls.errand(key, async (at) => {
      const { dialect, layout } = this.#place;
      const result = await this.#dispatch.raw(at, () => {
        const now = Date.now();
        const touched = touchedValues(layout, expireAt, now);
        return {
          sql: this.#dispatch.statements.touchFar,
          bindings: [...touched, key, now, expireAt - window, expireAt],
        };
      });
      if (dialect.affected(result) > 0) {
        this.#known?.note(key, expireAt);
        return true;
      }
      const row = await this.#dispatch.single.read(key, at);
      this.#known?.note(key, row?.expireAt);
      return row !== null;
    });
  }

  #update(
    key: string,
    saved: SavedSession,
    condition: Omit<Inputs['update'], 'key' | 'token' | 'random' | 'text' | 'values' | 'expireAt'>,
  ): Promise<number | null> {
    const { text, values, expireAt } = saved;
    const random = nextRandomOf(saved, condition.known, this.#place.layout);
    return this.#calls.request(
      'update',
      key,
      { key, token: random, random, text, values, expireAt, ...condition },
      sizeOf(saved),
    );
  }

  async #perform(kind: RequestKind, inputs: readonly Inputs[RequestKind][], at: number): Promise<Performed> {
    const outcomes: (Outcome<unknown> | undefined)[] = await this.#dispatch.run(kind, inputs, at);
    const overtaken =
      kind === 'update' ? overtakenOf(inputs as Inputs['update'][], outcomes as Outcome<unknown>[], this.#place) : NONE;
    for (const { index } of overtaken) outcomes[index] = undefined;
    for (let i = 0; i < inputs.length; i++) this.#learn(kind, inputs[i] as Inputs[RequestKind], outcomes[i]);
    if (overtaken.length === 0) return { outcomes };
    return {
      outcomes,
      rest: (waits, tell) =>
        settleOvertaken(overtaken, this.#dispatch, at, waits, (i, outcome) => {
          this.#learn(kind, inputs[i] as Inputs[RequestKind], outcome);
          tell(i, outcome);
        }),
    };
  }

  /** What an outcome tells of the expiry in the row. */
  #learn(kind: RequestKind, input: Inputs[RequestKind], outcome: Outcome<unknown> | undefined): void {
    if (this.#known === undefined || outcome === undefined) return;
    const key = typeof input === 'string' ? input : input.key;
    const value = 'value' in outcome ? outcome.value : null;
    const there = value !== null && value !== false && value !== undefined;
    const from = kind === 'read' ? value : input;
    this.#known.note(key, there ? (from as { readonly expireAt: number }).expireAt : undefined);
  }
}
