import { KssError } from './errors.js';

/** What ends at a time, unless it is taken out before. */
export interface Expiring {
  /** On the monotonic clock. */
  readonly at: number;
  expire(error: KssError): void;
  /** The neighbours in the list, for {@link Deadlines} alone. */
  earlier: Expiring | undefined;
  later: Expiring | undefined;
}

/**
 * The deadlines of a store's calls and statements, on one timer.
 *
 * All calls have the same time, so nothing that is added later ends before what the timer was set for.
 */
export class Deadlines {
  // A list, since every call goes in at one end and out from anywhere; a set would hash each of them twice.
  #first: Expiring | undefined;
  #last: Expiring | undefined;
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
    expiring.earlier = this.#last;
    if (this.#last === undefined) this.#first = expiring;
    else this.#last.later = expiring;
    this.#last = expiring;
    if (this.#timer === undefined) this.#arm(expiring.at);
  }

  /** Takes one out; whether it was there. */
  delete(expiring: Expiring): boolean {
    const { earlier, later } = expiring;
    if (earlier === undefined && expiring !== this.#first) return false;
    if (earlier === undefined) this.#first = later;
    else earlier.later = later;
    if (later === undefined) this.#last = earlier;
    else later.earlier = earlier;
    expiring.earlier = undefined;
    expiring.later = undefined;
    return true;
  }

  // The timer stays armed while calls come and go, and holds no process alive: the driver's socket does that.
  #arm(at: number): void {
    this.#timer = setTimeout(() => this.#sweep(), Math.max(1, at - performance.now())).unref();
  }

  // In no order: a statement has the deadline of the latest call that it carries.
  #sweep(): void {
    this.#timer = undefined;
    const now = performance.now();
    let soonest = Number.POSITIVE_INFINITY;
    const due: Expiring[] = [];
    for (let expiring = this.#first; expiring !== undefined; expiring = expiring.later) {
      if (expiring.at > now) soonest = Math.min(soonest, expiring.at);
      else due.push(expiring);
    }
    for (const expiring of due) if (this.delete(expiring)) expiring.expire(timedOut(this.#time));
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
