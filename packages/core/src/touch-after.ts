/** The expiries of sessions that this process has seen, of the latest ones at least. */
export class KnownExpiries {
  readonly #most: number;
  readonly #expiries = new Map<string, number>();

  /** @param most how many are remembered */
  constructor(most = 10_000) {
    this.#most = most;
  }

  get(key: string): number | undefined {
    return this.#expiries.get(key);
  }

  clear(): void {
    this.#expiries.clear();
  }

  /** @param expireAt undefined where there is no live session */
  note(key: string, expireAt: number | undefined): void {
    this.#expiries.delete(key); // the latest stands last
    if (expireAt === undefined) return;
    this.#expiries.set(key, expireAt);
    if (this.#expiries.size > this.#most) {
      for (const oldest of this.#expiries.keys()) {
        this.#expiries.delete(oldest);
        break;
      }
    }
  }
}

/**
 * By how much a touch must move the expiry to be written: at most half of the lifetime, so that a session in use always has
 * the other half before it. A whole number, as an expiry is one.
 */
export function touchWindow(touchAfter: number, expireAt: number, now: number): number {
  return Math.max(0, Math.floor(Math.min(touchAfter, (expireAt - now) / 2)));
}

/** Whether a touch moves the expiry too little to be written. One that brings the end nearer always is. */
export function isSpared(known: number, expireAt: number, window: number): boolean {
  return expireAt >= known && expireAt - known < window;
}
