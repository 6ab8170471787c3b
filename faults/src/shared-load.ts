import type { KnexSessionStore } from '@kss/core';
import { causeCode, errorCode } from './error-code.js';
import { sleep } from './mode.js';
import type { Random } from './random.js';

/** How many sessions are shared by how many workers. */
export interface SharedLoadOptions {
  /** Each stands for one process of the app, and has a pool of its own. */
  readonly stores: readonly KnexSessionStore[];
  /** What the sids begin with; one load's own. */
  readonly name: string;
  readonly sessions: number;
  readonly workers: number;
  readonly random: Random;
  /** Milliseconds that a worker waits between two rounds, at most. */
  readonly pause?: number;
  /** Milliseconds within which every call must be settled. */
  readonly patience: number;
}

/** What a load came to. */
export interface LoadCounts {
  requests: number;
  /** Saves, logins, logouts and touches that resolved. */
  acknowledged: number;
  /** By code. */
  readonly errors: Record<string, number>;
  /** By the driver's code. */
  readonly causes: Record<string, number>;
  /** Loads and saves that found a session gone which nobody had ended. */
  missed: number;
  /** Acknowledged saves that the worker's next read did not show. */
  stale: number;
  /** Saves that brought a session back after its logout was acknowledged. */
  revived: number;
  /** Calls that were not settled in time. */
  hung: number;
  /** Milliseconds of the slowest call. */
  slowest: number;
}

interface Written {
  /** The highest number whose save was acknowledged, and the highest that was sent. */
  acknowledged: number;
  sent: number;
}

/**
 * A load on sessions that all workers change at once, each its own key of them, through any of the stores; besides, sessions
 * of one worker's own that begin and end. It knows afterwards what must be in the database.
 */
export class SharedLoad {
  readonly counts: LoadCounts = {
    requests: 0,
    acknowledged: 0,
    errors: {},
    causes: {},
    missed: 0,
    stale: 0,
    revived: 0,
    hung: 0,
    slowest: 0,
  };
  readonly #options: SharedLoadOptions;
  readonly #written = new Map<string, Written>();
  readonly #ended = new Set<string>();
  /** When writes were acknowledged and calls failed, on the monotonic clock. */
  readonly #acknowledgements: number[] = [];
  readonly #failures: number[] = [];
  #turn = 0;
  #running = false;
  #done: Promise<unknown> = Promise.resolve();

  constructor(options: SharedLoadOptions) {
    this.#options = options;
  }

  /** Makes the sessions and lets the workers begin. */
  async start(): Promise<void> {
    const { name, sessions, workers } = this.#options;
    await Promise.all(Array.from({ length: sessions }, (_, i) => this.#store().set(`${name}-${i}`, { born: true })));
    this.#running = true;
    const work = (_: unknown, worker: number) => this.#work(worker, this.#options.random.fork());
    this.#done = Promise.all(Array.from({ length: workers }, work));
  }

  /** Lets each worker end its round; resolves when every call has settled. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  /** The longest time after a moment in which no write was acknowledged, and how long after it calls failed; milliseconds. */
  since(moment: number): { readonly silent: number; readonly failing: number } {
    const times = [moment, ...this.#acknowledgements.filter((time) => time > moment)];
    const silent = Math.max(0, ...times.slice(1).map((time, i) => time - (times[i] as number)));
    const last = this.#failures.filter((time) => time > moment).at(-1) ?? moment;
    return { silent: Math.round(silent), failing: Math.round(last - moment) };
  }

  /** What a store finds wrong: acknowledged saves that are not there, numbers that nobody wrote, ended sessions that live. */
  async wrongIn(store: KnexSessionStore): Promise<string[]> {
    const { name, sessions, workers } = this.#options;
    const wrong: string[] = [];
    for (let i = 0; i < sessions; i++) {
      const sid = `${name}-${i}`;
      const session = await store.get(sid);
      for (let worker = 0; worker < workers; worker++) {
        const { acknowledged, sent } = this.#of(sid, worker);
        const stored = session === null ? -1 : numberIn(session, worker);
        if (stored < acknowledged) wrong.push(`${sid}: worker ${worker} saved ${acknowledged}, and ${stored} is there`);
        if (stored > sent) wrong.push(`${sid}: worker ${worker} sent ${sent}, and ${stored} is there`);
      }
    }
    const ended = [...this.#ended];
    const found = await Promise.all(ended.map((sid) => store.get(sid)));
    for (const [i, session] of found.entries()) if (session !== null) wrong.push(`${ended[i]} was ended, and lives`);
    return wrong;
  }

  async #work(worker: number, random: Random): Promise<void> {
    const { name, sessions, pause = 4 } = this.#options;
    for (let round = 0; this.#running; round++) {
      const sid = `${name}-${random.between(0, sessions - 1)}`;
      if (round % 10 === 9) await this.#life(`${name}-own-${worker}-${round}`);
      else if (round % 5 === 4) await this.#call(() => this.#store().touch(sid), true);
      else await this.#save(sid, worker);
      await sleep(pause * random.next());
    }
  }

  async #save(sid: string, worker: number): Promise<void> {
    const written = this.#of(sid, worker);
    const loaded = await this.#call(() => this.#store().load(sid));
    if (loaded === undefined) return;
    if (loaded.value === null) {
      this.counts.missed += 1;
      return;
    }
    const { session, revision } = loaded.value;
    if (numberIn(session, worker) < written.acknowledged) {
      this.counts.stale += 1;
      written.acknowledged = numberIn(session, worker); // told once
    }
    written.sent += 1;
    const next = written.sent;
    const changed = { ...session, [`worker${worker}`]: next };
    const saved = await this.#call(() => this.#store().update(sid, changed, { revision }), true);
    if (saved?.value === null) this.counts.missed += 1;
    else if (saved !== undefined) written.acknowledged = next;
  }

  /** A login, a request that goes on while the session is ended elsewhere, and its late save. */
  async #life(sid: string): Promise<void> {
    if ((await this.#call(() => this.#store().set(sid, { own: true }), true)) === undefined) return;
    const loaded = await this.#call(() => this.#store().load(sid));
    if (loaded?.value === null) this.counts.missed += 1;
    if ((await this.#call(() => this.#store().destroy(sid), true)) === undefined) return;
    this.#ended.add(sid);
    const revision = loaded?.value?.revision;
    const late = revision && (await this.#call(() => this.#store().update(sid, { late: true }, { revision })));
    if (late !== undefined && late.value !== null) this.counts.revived += 1;
  }

  /** What a call resolved to, or undefined where it failed. */
  async #call<T>(call: () => Promise<T>, writes = false): Promise<{ readonly value: T } | undefined> {
    const { counts } = this;
    const began = performance.now();
    counts.requests += 1;
    const timer = setTimeout(() => {
      counts.hung += 1;
    }, this.#options.patience);
    try {
      const value = await call();
      if (writes) {
        counts.acknowledged += 1;
        this.#acknowledgements.push(performance.now());
      }
      return { value };
    } catch (error) {
      const code = errorCode(error);
      counts.errors[code] = (counts.errors[code] ?? 0) + 1;
      counts.causes[causeCode(error)] = (counts.causes[causeCode(error)] ?? 0) + 1;
      this.#failures.push(performance.now());
      return undefined;
    } finally {
      clearTimeout(timer);
      counts.slowest = Math.max(counts.slowest, Math.round(performance.now() - began));
    }
  }

  /** The stores by turns, so that what one wrote is mostly read through another. */
  #store(): KnexSessionStore {
    const { stores } = this.#options;
    return stores[this.#turn++ % stores.length] as KnexSessionStore;
  }

  #of(sid: string, worker: number): Written {
    const name = `${sid}/${worker}`;
    let written = this.#written.get(name);
    if (written === undefined) {
      written = { acknowledged: 0, sent: 0 };
      this.#written.set(name, written);
    }
    return written;
  }
}

function numberIn(session: object, worker: number): number {
  return Number((session as Record<string, unknown>)[`worker${worker}`] ?? 0);
}
