import { errorCode } from './error-code.js';

/** What a session holds: the number that was written last, or null where there is no session. */
export type Held = number | null;

/** What was acknowledged and is not so. */
export interface Verdict {
  /** Sessions whose acknowledged write is not there. */
  readonly lost: string[];
  /** Sessions that are there after an acknowledged end. */
  readonly revived: string[];
  /** Sessions in which a write took effect after its caller was told that its outcome is unknown, over a later one. */
  readonly late: string[];
}

/** What one session may hold. */
interface Account {
  possible: Set<Held>;
  /** What was asked for by calls that failed: it may take effect as long as the server has the statement. */
  readonly uncertain: Set<Held>;
}

/**
 * Counts what was asked of a store and what was answered, and knows for each session what it may hold.
 *
 * One caller at a time may write to a session; a call that failed may have taken effect or not.
 */
export class Ledger {
  requests = 0;
  acknowledgedWrites = 0;
  acknowledgedReads = 0;
  /** Calls that were not settled within their time and the slack. */
  hung = 0;
  /** Processes that ended unasked, and errors that no caller waited for. */
  crashes = 0;
  readonly errors = new Map<string, number>();
  /** Milliseconds from the end of each fault to the first acknowledged request after it. */
  readonly recoveries: number[] = [];
  /** What reads and writes showed while the load ran. */
  readonly seen: Verdict = { lost: [], revived: [], late: [] };
  /** The longest that a call took until it was settled, in milliseconds. */
  slowest = 0;
  readonly #accounts = new Map<string, Account>();
  readonly #patience: number;
  #waiting: { since: number; done: () => void }[] = [];

  /** @param patience milliseconds within which every call must be settled */
  constructor(patience: number) {
    this.#patience = patience;
  }

  /**
   * Asks for a session to hold a number, or with null for its end.
   *
   * @param call resolves with what the session holds then: null where the store says that it is gone
   * @returns what it holds, or undefined where the call failed
   */
  async write(sid: string, wanted: Held, call: () => Promise<Held>): Promise<Held | undefined> {
    const account = this.#account(sid);
    const answer = await this.#ask(call);
    if (answer === undefined) {
      account.possible.add(wanted);
      account.uncertain.add(wanted);
      return undefined;
    }
    this.acknowledgedWrites += 1;
    // One that says "gone" has written nothing, and must be right.
    if (answer.value === wanted) account.possible = new Set([wanted]);
    else this.#observe(sid, account, answer.value, this.seen);
    return answer.value;
  }

  /** Notes what was asked for by a process that ended before it was answered. */
  unanswered(sid: string, wanted: Held): void {
    this.requests += 1;
    const { possible, uncertain } = this.#account(sid);
    possible.add(wanted);
    uncertain.add(wanted);
  }

  /** Reads what a session holds; what no acknowledged call can have left there is noted in {@link seen}. */
  async read(sid: string, call: () => Promise<Held>): Promise<Held | undefined> {
    const account = this.#account(sid);
    const answer = await this.#ask(call);
    if (answer === undefined) return undefined;
    this.acknowledgedReads += 1;
    this.#observe(sid, account, answer.value, this.seen);
    return answer.value;
  }

  /** Asks whether a session is there, as a touch does. */
  async check(sid: string, call: () => Promise<boolean>): Promise<boolean | undefined> {
    const { possible } = this.#account(sid);
    const answer = await this.#ask(call);
    if (answer === undefined) return undefined;
    this.acknowledgedReads += 1;
    if (!answer.value && !possible.has(null)) this.seen.lost.push(sid);
    return answer.value;
  }

  /** Compares what was acknowledged with what the database holds: sids that are not in the map have no session. */
  missing(held: ReadonlyMap<string, number>): Verdict {
    const verdict: Verdict = { lost: [...this.seen.lost], revived: [...this.seen.revived], late: [...this.seen.late] };
    for (const [sid, account] of this.#accounts) this.#observe(sid, account, held.get(sid) ?? null, verdict);
    return verdict;
  }

  /** Waits for a request that begins from now on and is acknowledged, and notes how long that took since the instant. */
  async recovered(since: number, limit: number): Promise<number> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((done, fail) => {
      timer = setTimeout(() => fail(new Error(`Nothing was acknowledged for ${limit} ms.`)), limit);
      this.#waiting.push({ since: performance.now(), done });
    }).finally(() => clearTimeout(timer));
    const took = performance.now() - since;
    this.recoveries.push(took);
    return took;
  }

  /** Counts an error that reached a caller by its code. */
  failed(error: unknown): void {
    const code = errorCode(error);
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }

  async #ask<T>(call: () => Promise<T>): Promise<{ value: T } | undefined> {
    this.requests += 1;
    const began = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => {
        this.hung += 1;
        resolve(undefined);
      }, this.#patience);
    });
    try {
      return await Promise.race([call().then((value) => this.#acknowledge(began, value)), patience]);
    } catch (error) {
      this.failed(error);
      return undefined;
    } finally {
      clearTimeout(timer);
      this.slowest = Math.max(this.slowest, performance.now() - began);
    }
  }

  #acknowledge<T>(began: number, value: T): { value: T } {
    this.#waiting = this.#waiting.filter(({ since, done }) => {
      if (began < since) return true;
      done();
      return false;
    });
    return { value };
  }

  #observe(sid: string, account: Account, value: Held, verdict: Verdict): void {
    const { possible, uncertain } = account;
    if (!possible.has(value)) {
      if (uncertain.has(value)) verdict.late.push(sid);
      else if (possible.size === 1 && possible.has(null)) verdict.revived.push(sid);
      else verdict.lost.push(sid);
    }
    account.possible = new Set([value]);
  }

  #account(sid: string): Account {
    let account = this.#accounts.get(sid);
    if (account === undefined) {
      account = { possible: new Set([null]), uncertain: new Set() };
      this.#accounts.set(sid, account);
    }
    return account;
  }
}
