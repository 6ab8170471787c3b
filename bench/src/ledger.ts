import { isDeepStrictEqual } from 'node:util';
import { type AppSession, contentOf, freshCookie, LIFETIME, userOf } from './sessions.js';

/** What a store got wrong. */
export interface Faults {
  /** Calls that failed. */
  errors: number;
  /** Reads that found no session where one lives. */
  lost: number;
  /** Reads that gave another session than the one that was saved last. */
  wrong: number;
  /** Rejections and exceptions that no caller could catch: they would have ended the process. */
  unhandled: number;
  /** Calls that never came back. */
  hung: number;
  /** The message of the first error. */
  first?: string;
}

export function noFaults(): Faults {
  return { errors: 0, lost: 0, wrong: 0, unhandled: 0, hung: 0 };
}

export function countOf({ errors, lost, wrong, unhandled, hung }: Faults): number {
  return errors + lost + wrong + unhandled + hung;
}

// A whole comparison costs about as much as a fast read; user and version alone, nothing.
const WHOLE_EVERY = 16;
const CLOCK_DRIFT_MS = 5000;

/** What a store should hold: which version of each session was saved in it last. */
export class Ledger {
  readonly faults = noFaults();
  readonly #versions: Int32Array;
  // After a failed save nobody knows which version is there.
  readonly #doubtful = new Set<number>();
  #reads = 0;

  /** @param rows how many sessions there are */
  constructor(readonly rows: number) {
    this.#versions = new Int32Array(rows);
  }

  /** The session as it was saved last, with its cookie's lifetime begun anew: what a touch gets. */
  current(index: number): AppSession {
    return { cookie: freshCookie(), ...contentOf(index, this.#versions[index] ?? 0) };
  }

  /** Saves the next version of a session. */
  async save(index: number, write: (version: number) => Promise<void>): Promise<void> {
    const version = (this.#versions[index] ?? 0) + 1;
    this.#versions[index] = version;
    try {
      await write(version);
      this.#doubtful.delete(index);
    } catch (error) {
      this.#doubtful.add(index);
      throw error;
    }
  }

  /** Compares what a store gave with what it was given; every so often in whole. */
  check(index: number, session: AppSession | null | undefined, whole = this.#reads++ % WHOLE_EVERY === 0): void {
    if (session === null || session === undefined) {
      this.faults.lost++;
    } else if (!this.#isSaved(index, session) || (whole && !isWhole(index, session))) {
      this.faults.wrong++;
      this.faults.first ??= `session ${index} came back as ${JSON.stringify(session)}`;
    }
  }

  fail(error: unknown): void {
    this.faults.errors++;
    this.faults.first ??= messageOf(error);
  }

  #isSaved(index: number, { user_id, version }: AppSession): boolean {
    return user_id === userOf(index) && (version === this.#versions[index] || this.#doubtful.has(index));
  }
}

function isWhole(index: number, session: AppSession): boolean {
  const { cookie, ...content } = session;
  return isDeepStrictEqual(content, contentOf(index, session.version)) && isCookie(cookie);
}

function isCookie({ originalMaxAge, expires, path, httpOnly, sameSite }: AppSession['cookie']): boolean {
  const left = new Date(expires ?? 0).getTime() - Date.now();
  return (
    Math.abs((originalMaxAge ?? 0) - LIFETIME) < CLOCK_DRIFT_MS &&
    left > 0 &&
    left < LIFETIME + CLOCK_DRIFT_MS &&
    path === '/' &&
    httpOnly === true &&
    sameSite === 'lax'
  );
}

export function messageOf(error: unknown): string {
  const { message, cause } = error instanceof Error ? error : { message: String(error), cause: undefined };
  return cause === undefined ? message : `${message} (${messageOf(cause)})`;
}
