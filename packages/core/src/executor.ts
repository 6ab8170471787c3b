import type { Knex } from 'knex';
import { columnValue } from './column-types.js';
import { timedOut } from './deadline.js';
import type { Dialect } from './dialect/index.js';
import { isKssError, KssError } from './errors.js';
import type { Place } from './place.js';

/** A query that can be told on which connection to run, and for how long. */
type Query<T> = PromiseLike<T> & { connection(connection: unknown): Query<T>; timeout(ms: number): Query<T> };

const RETRIES = 2;
const CONCURRENCY = 4;

/**
 * Sends statements over the app's pool, at most so many at once: the app's own queries come first.
 *
 * It takes the connection itself, so that a statement whose deadline passed while it waited is never sent, and so that a
 * connection which could not be had (fails at once) is told from one that broke (tried again).
 */
export class Executor {
  readonly #place: Place;
  readonly #timeout: number;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(place: Place, timeout: number) {
    this.#place = place;
    this.#timeout = timeout;
    this.#free = connectionsFor(place.knex);
  }

  /**
   * Sends a statement; after a deadlock or a broken connection again, at most twice and before the deadline.
   *
   * @param deadline on the monotonic clock
   * @param make the statement, made anew for each try
   * @throws KssError TIMEOUT, COLUMN_VALUE, DATABASE
   */
  async send<T>(deadline: number, make: () => PromiseLike<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      for (let tried = 0; ; tried++) {
        const outcome = await this.#try(deadline, make, tried < RETRIES);
        if (outcome !== undefined) return outcome.result;
        await pause(tried);
      }
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  /** The result, or undefined where the same again may succeed. */
  async #try<T>(deadline: number, make: () => PromiseLike<T>, mayRetry: boolean): Promise<{ result: T } | undefined> {
    const { knex, dialect } = this.#place;
    this.#remaining(deadline);
    const connection: unknown = await knex.client.acquireConnection().catch((error: unknown) => {
      throw wrapError(error, dialect, this.#timeout);
    });
    try {
      const left = this.#remaining(deadline);
      return { result: await (make() as Query<T>).connection(connection).timeout(Math.ceil(left)) };
    } catch (error) {
      const { kind } = dialect.failure(error);
      if (mayRetry && (kind === 'transient' || kind === 'broken')) return undefined;
      throw wrapError(error, dialect, this.#timeout);
    } finally {
      await knex.client.releaseConnection(connection);
    }
  }

  #remaining(deadline: number): number {
    const left = deadline - performance.now();
    if (left <= 0) throw timedOut(this.#timeout);
    return left;
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
  if (error instanceof Error && error.name === 'KnexTimeoutError') return timedOut(timeout);
  const { kind, column } = dialect.failure(error);
  const said = withoutValues(error);
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

function withoutValues(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [first] = error instanceof AggregateError ? error.errors : [];
  const message = error.message || String((first as Error | undefined)?.message ?? error.name);
  error.message = message
    .slice(message.lastIndexOf(' - ') + 1)
    .replace(/^- /, '')
    .replace(/^Duplicate entry '.*' for key/s, 'Duplicate entry for key')
    .replace(/: ".*"$/s, ''); // PostgreSQL quotes the value last
  for (const name of TELLING) Reflect.deleteProperty(error, name);
  return error.message;
}

/** The app's pool serves the app first: at most half of it, and at most four. */
function connectionsFor(knex: Knex): number {
  const max: unknown = (knex.client as { pool?: { max?: unknown } }).pool?.max;
  return typeof max === 'number' ? Math.max(1, Math.min(CONCURRENCY, Math.floor(max / 2))) : CONCURRENCY;
}

/** At once, then a moment later, at a time that others do not share. */
function pause(tried: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, tried * (10 + Math.random() * 40)));
}
