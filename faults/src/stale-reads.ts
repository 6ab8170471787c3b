import { sleep } from './mode.js';

/** How many of the latest calls are remembered. */
const MOST_CALLS = 5000;
/** Of how many stale reads everything is kept. */
const MOST_KEPT = 5;
/** Milliseconds until the row is looked at for the second time. */
const LATER = 200;

/** One call of a worker. */
export interface WorkerCall {
  /** When it was made and when it was settled: by the wall clock, to the millisecond. */
  readonly began: string;
  readonly ended: string;
  readonly worker: number;
  /** The number of the store, beginning with 0. */
  readonly store: number;
  readonly verb: string;
  readonly sid: string;
  /** What it resolved to, or the codes of its error. */
  readonly outcome: string;
}

/** A read that did not show a save which the same worker knew to be acknowledged, and what can be known about it. */
export interface StaleRead {
  readonly sid: string;
  readonly worker: number;
  readonly acknowledged: number;
  readonly read: number;
  /** The session as it was read. */
  readonly session: object;
  /** The worker's calls that failed, and the latest calls of whomever on the same session. */
  readonly failures: readonly WorkerCall[];
  readonly calls: readonly WorkerCall[];
  /** What was found past whatever stands between the stores and the database: at once, and a moment later. */
  readonly looks: readonly { readonly at: string; readonly found: unknown }[];
}

/** What is known of reads that did not show what they had to. */
export class StaleReads {
  readonly kept: StaleRead[] = [];
  readonly #look: ((sid: string) => Promise<unknown>) | undefined;
  readonly #calls: WorkerCall[] = [];

  /** @param look what the database has of a session, read without the stores */
  constructor(look: ((sid: string) => Promise<unknown>) | undefined) {
    this.#look = look;
  }

  note(call: WorkerCall): void {
    this.#calls.push(call);
    if (this.#calls.length > 2 * MOST_CALLS) this.#calls.splice(0, MOST_CALLS);
  }

  /** Keeps the evidence of one; resolves when the row was looked at twice. */
  async keep(read: Pick<StaleRead, 'sid' | 'worker' | 'acknowledged' | 'read' | 'session'>): Promise<void> {
    if (this.kept.length >= MOST_KEPT) return;
    const failures = this.#calls.filter((call) => call.worker === read.worker && call.outcome.startsWith('error'));
    const looks: { at: string; found: unknown }[] = [];
    const calls: WorkerCall[] = [];
    this.kept.push({ ...read, failures: failures.slice(-50), calls, looks });
    looks.push(await this.#found(read.sid));
    await sleep(LATER);
    looks.push(await this.#found(read.sid));
    // Those that were under way then have ended by now.
    calls.push(...this.#calls.filter((call) => call.sid === read.sid).slice(-100));
  }

  async #found(sid: string): Promise<{ at: string; found: unknown }> {
    const found = await this.#look?.(sid).catch(String);
    return { at: new Date().toISOString(), found };
  }
}
