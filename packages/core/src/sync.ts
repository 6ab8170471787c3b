import { KssError } from './errors.js';

/**
 * The table's making and checking: once, however many calls wait for it, and again when it failed and somebody asks.
 */
export class Sync {
  readonly #attempt: () => Promise<void>;
  readonly #patience: number;
  #running: Promise<void> | undefined;
  #done: boolean;

  /**
   * @param attempt makes and checks the table; undefined where there is nothing to do
   * @param patience milliseconds that a call waits
   */
  constructor(attempt: (() => Promise<void>) | undefined, patience: number) {
    this.#attempt = attempt ?? (() => Promise.resolve());
    this.#patience = patience;
    this.#done = attempt === undefined;
  }

  /** Undefined where the table is there; else what to wait for. */
  ready(): Promise<void> | undefined {
    return this.#done ? undefined : this.#wait();
  }

  /** Resolves when no attempt is under way, whatever its outcome. */
  async settled(): Promise<void> {
    if (!this.#done) await this.#running?.catch(() => {});
  }

  async #wait(): Promise<void> {
    this.#running ??= this.#run();
    const attempt = this.#running;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        // An answer that was lost never comes: whoever asks next begins anew.
        if (this.#running === attempt) this.#running = undefined;
        reject(tooLate(this.#patience));
      }, this.#patience);
    });
    try {
      await Promise.race([attempt, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #run(): Promise<void> {
    const attempt = this.#attempt().then(
      () => {
        this.#done = true;
      },
      (error) => {
        if (this.#running === attempt) this.#running = undefined;
        throw error;
      },
    );
    attempt.catch(() => {}); // it may fail when nobody waits any more
    return attempt;
  }
}

function tooLate(patience: number): KssError {
  return new KssError(
    'SYNC_TIMEOUT',
    `The session table was not ready within ${patience} ms. Check that the database is reachable and the pool not ` +
      'exhausted; the next call tries again.',
  );
}
