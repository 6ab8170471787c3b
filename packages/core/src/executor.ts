import { columnValue } from './column-types.js';
import { type Deadlines, type Expiring, timedOut } from './deadline.js';
import type { Dialect, Failure } from './dialect/index.js';
import { isKssError, KssError } from './errors.js';
import type { Place } from './place.js';
import type { Query } from './query.js';

/** A driver's connection; `__knex__disposed` is knex's own mark of one that is not to be lent again. */
type Connection = { __knex__disposed?: unknown };

const RETRIES = 2;

/**
 * Sends statements over the app's pool.
 *
 * It takes the connection itself, so that a statement whose deadline passed while it waited is never sent, and so that a
 * connection which could not be had (fails at once) is told from one that broke (tried again).
 */
export class Executor {
  readonly #place: Place;
  readonly #timeout: number;
  readonly #deadlines: Deadlines;

  constructor(place: Place, timeout: number, deadlines: Deadlines) {
    this.#place = place;
    this.#timeout = timeout;
    this.#deadlines = deadlines;
  }

  /**
   * Sends a statement; after a deadlock or a broken connection again, at most twice and before the deadline.
   *
   * @param at the deadline, on the monotonic clock
   * @param make the statement, made anew for each try
   * @param broke told of each connection that broke before the statement is sent again: nobody knows whether it was done
   * @throws KssError TIMEOUT, COLUMN_VALUE, DATABASE
   */
  async send<T>(at: number, make: () => PromiseLike<T> | Query<T>, broke?: (error: KssError) => void): Promise<T> {
    for (let tried = 0; ; tried++) {
      const outcome = await this.#try(at, make, tried < RETRIES, broke);
      if (outcome !== undefined) return outcome.result;
      await pause(tried);
    }
  }

  /** The result, or undefined where the same again may succeed. */
  async #try<T>(
    at: number,
    make: () => PromiseLike<T> | Query<T>,
    mayRetry: boolean,
    broke: ((error: KssError) => void) | undefined,
  ): Promise<{ result: T } | undefined> {
    const { knex, dialect } = this.#place;
    this.#checkTime(at);
    const connection = await this.#acquire(at);
    try {
      this.#checkTime(at);
      return { result: await this.#before(at, (make() as Query<T>).connection(connection)) };
    } catch (error) {
      const late = isKssError(error, 'TIMEOUT');
      const { kind, refused = false }: Failure = late ? { kind: 'other' } : dialect.failure(error);
      // Not the driver's own error: knex logs this one, and puts the statement with its values before that one.
      if (late || kind === 'broken') connection.__knex__disposed = new Error('given up by the session store');
      if (late) dialect.abandon?.(connection);
      if (mayRetry && kind === 'broken' && !refused) broke?.(wrapError(error, dialect));
      if (mayRetry && (kind === 'transient' || kind === 'broken')) return undefined;
      throw wrapError(error, dialect, this.#timeout);
    } finally {
      await knex.client.releaseConnection(connection);
    }
  }

  /** A connection of the pool; one that comes after the deadline goes back unused. */
  async #acquire(at: number): Promise<Connection> {
    const { knex, dialect } = this.#place;
    const acquired = knex.client.acquireConnection() as Promise<Connection>;
    try {
      return await this.#before(at, acquired);
    } catch (error) {
      if (isKssError(error, 'TIMEOUT')) {
        acquired.then(
          (connection) => knex.client.releaseConnection(connection),
          () => {},
        );
      }
      throw wrapError(error, dialect, this.#timeout);
    }
  }

  /** What is waited for, or TIMEOUT at the deadline: a server that never answers must not keep a slot. */
  #before<T>(at: number, awaited: PromiseLike<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const expiring: Expiring = { at, expire: reject, earlier: undefined, later: undefined };
      this.#deadlines.add(expiring);
      awaited.then(
        (result) => {
          this.#deadlines.delete(expiring);
          resolve(result);
        },
        (error: unknown) => {
          this.#deadlines.delete(expiring);
          reject(error);
        },
      );
    });
  }

  #checkTime(at: number): void {
    if (performance.now() >= at) throw timedOut(this.#timeout);
  }
}

/**
 * What a driver's error is for the caller.
 *
 * knex puts the statement with its values before the driver's message, and drivers add the row that failed: session data
 * and sids, which belong in no log. They are taken away, from the cause too.
 */
export function wrapError(error: unknown, dialect: Dialect, timeout?: number): KssError {
  if (isKssError(error)) return error;
  if (error instanceof Error && error.name === 'KnexTimeoutError') return timedOut(timeout); // of the pool
  const { kind, column } = dialect.failure(error);
  const said = withoutValues(error, dialect);
  if (kind === 'value')
    return columnValue(column ?? 'unknown', dialect.name, `was refused by the database: ${said}`, error);
  if (kind === 'unique') {
    const where = column === undefined ? '' : ` (${column})`;
    return new KssError(
      'COLUMN_VALUE',
      `Another session has this value already, in a column with a unique index${where}. Nothing was changed. ` +
        'End that session first, or drop the index.',
      { cause: error },
    );
  }
  return new KssError('DATABASE', `${dialect.name} did not do it: ${said}`, { cause: error });
}

// Where drivers and knex keep statements, their values and rows.
const TELLING = ['sql', 'sqlMessage', 'bindings', 'detail', 'where', 'query', 'params', 'parameters'];

function withoutValues(error: unknown, dialect: Dialect): string {
  if (!(error instanceof Error)) return String(error);
  const [first] = error instanceof AggregateError ? error.errors : [];
  const message = error.message || String((first as Error | undefined)?.message ?? error.name);
  // One driver keeps its own words apart; after those of others comes nothing.
  const { sqlMessage } = error as { sqlMessage?: unknown };
  const own =
    typeof sqlMessage === 'string' ? sqlMessage : message.slice(message.lastIndexOf(' - ') + 1).replace(/^- /, '');
  const told = dialect.withoutValues?.(own) ?? own;
  error.message = isWhole(told) ? told : `error ${String((error as { code?: unknown }).code ?? 'without a code')}`;
  for (const name of TELLING) Reflect.deleteProperty(error, name);
  return error.message;
}

/** Whether nothing was cut in the middle of what a message quotes: the rest of it would be a value. */
function isWhole(message: string): boolean {
  const count = (character: string) => message.split(character).length - 1;
  return count('"') % 2 === 0 && count('(') === count(')');
}

/** How many connections to use at once: the app's pool serves the app first, so at most half of it. */
export function slotsFor({ knex }: Place, concurrency: number): number {
  const { pool, config } = knex.client as { pool?: SizedPool; config?: { connectionPool?: SizedPool } };
  const max = sizeOf(pool) ?? sizeOf(config?.connectionPool);
  return max === undefined ? concurrency : Math.max(1, Math.min(concurrency, Math.floor(max / 2)));
}

/** Where pools tell their size: knex's own, and those of drivers, which an app may lend to knex. */
interface SizedPool {
  readonly max?: unknown;
  readonly options?: { readonly max?: unknown };
  readonly config?: { readonly connectionLimit?: unknown };
}

function sizeOf(pool: SizedPool | undefined): number | undefined {
  const told = [pool?.max, pool?.options?.max, pool?.config?.connectionLimit];
  return told.find((max) => typeof max === 'number');
}

/** At once, then a moment later, at a time that others do not share. */
function pause(tried: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, tried * (10 + Math.random() * 40)));
}
