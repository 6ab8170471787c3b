import type { Knex } from 'knex';
import type { EncodedSession, SessionRow } from './codec.js';
import { Deadlines } from './deadline.js';
import type { Sql, Statements } from './dialect/index.js';
import { Executor } from './executor.js';
import { ALIAS, changedValues, fieldAlias, type Layout, readInstant, rowValues, touchedValues } from './layout.js';
import { Order } from './order.js';
import type { Place } from './place.js';
import { ANY_INCARNATION, freshToken, incarnationOf, nextRandom } from './token.js';

/** A row that is there, with its token. */
export interface StoredRow extends SessionRow {
  readonly token: number;
}

/** A session to save, with its end in epoch milliseconds. */
export interface SavedSession extends EncodedSession {
  readonly expireAt: number;
}

/** Which row an update is for: any under the key, one of the incarnation that was read, or just the one that was read. */
export interface Expected {
  readonly token?: number | undefined;
  readonly exact?: boolean;
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
  read(key: string): Promise<StoredRow | null> {
    return this.#ordered(key, 'read', async (deadline) => {
      const result = await this.#raw(deadline, () => ({ sql: this.#statements.read, bindings: [key, Date.now()] }));
      const row = this.#place.dialect.rows(result)[0];
      return row === undefined ? null : storedRow(row, this.#place.layout);
    });
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

  /** Replaces a live row; resolves to the token, or null where there is none. */
  update(key: string, saved: SavedSession, { token, exact = false }: Expected): Promise<number | null> {
    const random = nextRandom(token);
    const range = token === undefined ? ANY_INCARNATION : exact ? [token, token] : incarnationOf(token);
    return this.#ordered(key, 'write', async (deadline) => {
      const result = await this.#raw(deadline, () => {
        const now = Date.now();
        const changed = changedValues(this.#place.layout, { key, token: random, now, ...saved });
        return { sql: this.#statements.update, bindings: [...changed, random, key, now, ...range] };
      });
      return this.#place.dialect.updatedToken(result) ?? null;
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
      const there = await this.#raw(deadline, () => ({ sql: this.#statements.read, bindings: [key, Date.now()] }));
      return this.#place.dialect.rows(there).length > 0;
    });
  }

  remove(key: string): Promise<void> {
    return this.#ordered(key, 'write', async (deadline) => {
      await this.#raw(deadline, () => ({ sql: this.#statements.remove, bindings: [key] }));
    });
  }

  /** A statement on many rows; it sees the writes called before it. */
  async whole<T>(make: () => PromiseLike<T>): Promise<T> {
    const deadline = this.#deadlines.next();
    const work = this.#order.written().then(() => this.#send(deadline, make));
    return this.#deadlines.within(deadline, this.#track(work));
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
    const work = this.#order.run(key, kind, () => start(deadline));
    return this.#deadlines.within(deadline, this.#track(work));
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

  #track<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work);
    const forget = () => this.#pending.delete(work);
    work.then(forget, forget);
    return work;
  }
}

function storedRow(row: Record<string, unknown>, layout: Layout): StoredRow {
  const text = row[ALIAS.additional];
  return {
    expireAt: readInstant(row[ALIAS.expireAt]),
    token: Number(row[ALIAS.revision]),
    text: text === null || text === undefined ? null : String(text),
    values: layout.owned.map((_, i) => row[fieldAlias(i)]),
  };
}
