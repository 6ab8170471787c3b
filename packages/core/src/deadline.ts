import { KssError } from './errors.js';

/** What ends at a time, unless it is taken out before. */
export interface Expiring {
  /** On the monotonic clock. */
  readonly at: number;
  expire(error: KssError): void;
}

/**
 * The deadlines of a store's calls and statements, on one timer.
 *
 * All calls have the same time, so nothing that is added later ends before what the timer was set for.
 */
export class Deadlines {
  readonly #waiting = new Set<Expiring>();
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

  /** Ends it with TIMEOUT at its time: one from {@link next}. */
  add(expiring: Expiring): void {
    this.#waiting.add(expiring);
    if (this.#timer === undefined) this.#arm(expiring.at);
  }

  delete(expiring: Expiring): void {
    this.#waiting.delete(expiring);
  }

  // The timer stays armed while calls come and go, and holds no process alive: the driver's socket does that.
  #arm(at: number): void {
    this.#timer = setTimeout(() => this.#sweep(), Math.max(1, at - performance.now())).unref();
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = performance.now();
    let soonest = Number.POSITIVE_INFINITY;
    for (const expiring of this.#waiting) {
      if (expiring.at > now) {
        soonest = Math.min(soonest, expiring.at);
      } else {
        this.#waiting.delete(expiring);
        expiring.expire(timedOut(this.#time));
      }
    }
    if (soonest !== Number.POSITIVE_INFINITY) this.#arm(soonest);
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
