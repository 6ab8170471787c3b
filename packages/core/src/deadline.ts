import { KssError } from './errors.js';

/** A call that waits, and what ends its waiting. */
interface Waiting {
  readonly at: number;
  readonly expire: () => void;
}

/**
 * The deadlines of a store's calls, on one timer.
 *
 * All calls have the same time, so the oldest is always the next to expire, and a Set keeps them in that order.
 */
export class Deadlines {
  readonly #waiting = new Set<Waiting>();
  readonly #time: number;
  #timer: NodeJS.Timeout | undefined;

  /** @param time milliseconds that each call has */
  constructor(time: number) {
    this.#time = time;
  }

  /** When a call made now is over, on the monotonic clock: the wall clock may be set. */
  next(): number {
    return performance.now() + this.#time;
  }

  /**
   * Settles like the work, or with TIMEOUT at the deadline. The work goes on; what it does later is not heard.
   *
   * @param at from {@link next}, not before that of any earlier call
   */
  within<T>(at: number, work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiting: Waiting = { at, expire: () => reject(timedOut(this.#time)) };
      this.#waiting.add(waiting);
      this.#arm(at);
      const done = () => this.#waiting.delete(waiting);
      work.then(
        (value) => {
          done();
          resolve(value);
        },
        (error) => {
          done();
          reject(error);
        },
      );
    });
  }

  // The timer stays armed while calls come and go, and holds no process alive: the driver's socket does that.
  #arm(at: number): void {
    this.#timer ??= setTimeout(() => this.#sweep(), Math.max(1, at - performance.now())).unref();
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const waiting of this.#waiting) {
      if (waiting.at > now) {
        this.#arm(waiting.at);
        return;
      }
      this.#waiting.delete(waiting);
      waiting.expire();
    }
  }
}

/** The error of a call whose time is over. */
export function timedOut(time?: number): KssError {
  return new KssError(
    'TIMEOUT',
    `The database did not answer ${time === undefined ? 'in time' : `within ${time} ms`}; whether a write happened is unknown. ` +
      'If the pool is exhausted, end transactions sooner or enlarge it; the time is the option timeout.',
  );
}
