import { LONGEST_TIMER } from './options.js';

// One process whose clock is minutes fast would otherwise delete what lives by everyone else's.
const CLOCKS_APART = 600_000;

/**
 * The timer that collects expired rows, except those that expired less than ten minutes ago.
 *
 * Each wait is 50 to 150 % of the interval, so that processes started together do not collect together; a collection
 * never overlaps another; the timer holds no process alive.
 */
export class Collector {
  readonly #collect: (before: number) => Promise<unknown>;
  readonly #interval: number;
  readonly #frequency: number;
  #timer: NodeJS.Timeout | undefined;
  #collecting = false;
  #stopped = false;

  /**
   * @param collect deletes the rows that expired by an instant; never rejects
   * @param interval milliseconds; 0: never
   * @param frequency reads between two collections, on average; 0: never
   */
  constructor(collect: (before: number) => Promise<unknown>, interval: number, frequency: number) {
    this.#collect = collect;
    this.#interval = interval;
    this.#frequency = frequency;
    this.#arm();
  }

  /** Counts a read. */
  sawRead(): void {
    if (this.#frequency > 0 && Math.random() * this.#frequency < 1) void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    if (this.#interval === 0 || this.#stopped) return;
    const wait = Math.min(this.#interval * (0.5 + Math.random()), LONGEST_TIMER);
    this.#timer = setTimeout(() => void this.#run().then(() => this.#arm()), wait).unref();
  }

  async #run(): Promise<void> {
    if (this.#collecting || this.#stopped) return;
    this.#collecting = true;
    await this.#collect(Date.now() - CLOCKS_APART);
    this.#collecting = false;
  }
}
