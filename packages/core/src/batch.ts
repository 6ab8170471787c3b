import type { Knex } from 'knex';
import type { EncodedSession, SessionRow } from './codec.js';
import { Deadlines } from './deadline.js';
import type { Sql, Statements } from './dialect/index.js';
import { anotherOf, KssError } from './errors.js';
import { Executor } from './executor.js';
import {
  ALIAS,
  changedValues,
  fieldAlias,
  type Layout,
  readInstant,
  rowValues,
  textValues,
  touchedValues,
} from './layout.js';
import { Order } from './order.js';
import type { Place } from './place.js';
import { ANY_INCARNATION, freshToken, incarnationOf, nextRandom } from './token.js';

const REWRITE_TRIES = 5;

/** A row that is there, with its token. */
export interface StoredRow extends SessionRow {
  readonly token: number;
}

/** A session to save, with its end in epoch milliseconds. */
export interface SavedSession extends EncodedSession {
  readonly expireAt: number;
}

/**
 * The one place through which each kind of statement goes: read, write, touch, delete, and the rest.
 *
 * Operations of one sid run in the order of the calls; each call ends at its deadline.
 */
export class Batch {
  readonly #place: Place;
  readonly #statements: Statements;
  readonly #executor: Executor;
  readonly #deadlines: Deadlines;
  readonly #order = new Order();
  readonly #ready: () => Promise<void> | undefined;
  readonly #pending = new Set<Promise<unknown>>();

  /** @param ready what to wait for before a statement is sent; undefined where there is nothing to wait for */
  constructor(place: Place, timeout: number, ready: () => Promise<void> | undefined) {
    this.#place = place;
    this.#statements = place.dialect.statements(place.layout, place.table, place.quote);
    this.#executor = new Executor(place, timeout);
    this.#deadlines = new Deadlines(timeout);
    this.#ready = ready;
  }

  /** The live row. The object is shared by the reads that were made together. */
  async read(key: string): Promise<StoredRow | null> {
    try {
      // Those that join later have more time than the first.
      return await this.#ordered(key, 'read', () => this.#readRow(this.#deadlines.next(), key));
    } catch (error) {
      throw anotherOf(error); // the error was shared, too
    }
  }

  /** Inserts or replaces; resolves to the token. */
  write(key: string, saved: SavedSession): Promise<number> {
    const token = freshToken();
    return this.#ordered(key, 'write', async (deadline) => {
      const result = await this.#raw(deadline, () => {
        const now = Date.now();
        const bindings = rowValues(this.#place.layout, { key, token, now, ...saved });
        return {
          sql: this.#statements.upsert,
          bindings: [...bindings, now, ...(this.#place.layout.createdAt === undefined ? [] : [now])],
        };
      });
      return this.#place.dialect.upsertedToken(result, token);
    });
  }

  /** Replaces a live row, of the token's incarnation if there is one; resolves to the new token, or null where there is no such row. */
  update(key: string, saved: SavedSession, token: number | undefined): Promise<number | null> {
    const random = nextRandom(token);
    const range = token === undefined ? ANY_INCARNATION : incarnationOf(token);
    return this.#ordered(key, 'write', async (deadline) => {
      const result = await this.#raw(deadline, () => {
        const now = Date.now();
        const changed = changedValues(this.#place.layout, { key, token: random, now, ...saved });
        return { sql: this.#statements.update, bindings: [...changed, random, key, now, ...range] };
      });
      return this.#place.dialect.updatedToken(result) ?? null;
    });
  }

  /**
   * Rewrites the text of a live row, and moves its expiry; whether there was one. Compare and swap: where another process
   * comes between, the text is read again.
   *
   * @throws KssError CONFLICT after five tries, and what `change` throws
   */
  rewrite(key: string, expireAt: number, change: (text: string | null) => string): Promise<boolean> {
    return this.#ordered(key, 'write', async (deadline) => {
      for (let tried = 0; tried < REWRITE_TRIES; tried++) {
        const row = await this.#readRow(deadline, key);
        if (row === null) return false;
        const text = change(row.text);
        const random = nextRandom(row.token);
        const result = await this.#raw(deadline, () => {
          const now = Date.now();
          const bindings = textValues(this.#place.layout, expireAt, text, now);
          return { sql: this.#statements.replaceText, bindings: [...bindings, random, key, now, row.token, row.token] };
        });
        if (this.#place.dialect.updatedToken(result) !== undefined) return true;
      }
      throw new KssError('CONFLICT', `The session changed ${REWRITE_TRIES} times while it was rewritten; try again.`);
    });
  }

  /** Moves the expiry of a live row; whether there was one. */
  touch(key: string, expireAt: number): Promise<boolean> {
    return this.#ordered(key, 'write', async (deadline) => {
      const result = await this.#raw(deadline, () => {
        const now = Date.now();
        return {
          sql: this.#statements.touch,
          bindings: [...touchedValues(this.#place.layout, expireAt, now), key, now],
        };
      });
      if (this.#place.dialect.affected(result) > 0) return true;
      if (this.#place.dialect.countsMatched) return false;
      // The row may be there with this very expiry.
      return (await this.#readRow(deadline, key)) !== null;
    });
  }

  remove(key: string): Promise<void> {
    return this.#ordered(key, 'write', async (deadline) => {
      await this.#raw(deadline, () => ({ sql: this.#statements.remove, bindings: [key] }));
    });
  }

  /** A statement on many rows; it sees the writes called before it. As a write, later ones on many rows see it. */
  whole<T>(make: () => PromiseLike<T>, kind: 'read' | 'write' = 'read'): Promise<T> {
    const deadline = this.#deadlines.next();
    return this.#within(
      deadline,
      this.#order.afterWrites(() => this.#send(deadline, make), kind),
    );
  }

  /** {@link whole}, and writes called after it wait for it. */
  wholeBefore<T>(make: () => PromiseLike<T>): Promise<T> {
    const deadline = this.#deadlines.next();
    return this.#within(
      deadline,
      this.#order.betweenWrites(() => this.#send(deadline, make)),
    );
  }

  /** {@link whole} for SQL text, with its result as the driver gives it. */
  wholeSql(make: () => Sql): Promise<unknown> {
    return this.whole(() => this.#rawQuery(make()));
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }

  #ordered<T>(key: string, kind: 'read' | 'write', start: (deadline: number) => Promise<T>): Promise<T> {
    const deadline = this.#deadlines.next();
    return this.#within(
      deadline,
      this.#order.run(key, kind, () => start(deadline)),
    );
  }

  async #readRow(deadline: number, key: string): Promise<StoredRow | null> {
    const result = await this.#raw(deadline, () => ({ sql: this.#statements.read, bindings: [key, Date.now()] }));
    const row = this.#place.dialect.rows(result)[0];
    return row === undefined ? null : storedRow(key, row, this.#place.layout);
  }

  #raw(deadline: number, make: () => Sql): Promise<unknown> {
    return this.#send(deadline, () => this.#rawQuery(make()));
  }

  #rawQuery({ sql, bindings }: Sql): PromiseLike<unknown> {
    return this.#place.knex.raw(sql, bindings as Knex.RawBinding[]);
  }

  async #send<T>(deadline: number, make: () => PromiseLike<T>): Promise<T> {
    const ready = this.#ready();
    if (ready !== undefined) await ready;
    return this.#executor.send(deadline, make);
  }

  #within<T>(deadline: number, work: Promise<T>): Promise<T> {
    this.#pending.add(work);
    const forget = () => this.#pending.delete(work);
    work.then(forget, forget);
    return this.#deadlines.within(deadline, work);
  }
}

function storedRow(key: string, row: Record<string, unknown>, layout: Layout): StoredRow {
  const text = row[ALIAS.additional];
  return {
    key,
    expireAt: readInstant(row[ALIAS.expireAt]),
    token: Number(row[ALIAS.revision]),
    text: text === null || text === undefined ? null : String(text),
    values: layout.owned.map((_, i) => row[fieldAlias(i)]),
  };
}
