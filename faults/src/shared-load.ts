import type { KnexSessionStore } from '@kss/core';
import { causeCode, errorCode } from './error-code.js';
import { type LoadCounts, noCounts } from './load-counts.js';
import { sleep } from './mode.js';
import type { Random } from './random.js';
import { type StaleRead, StaleReads } from './stale-reads.js';

/** How many sessions are shared by how many workers. */
export interface SharedLoadOptions {
  /** Each stands for one process of the app, and has a pool of its own. */
  readonly stores: readonly KnexSessionStore[];
  /** The store that makes the sessions; each of the others makes some where none is given. */
  readonly maker?: KnexSessionStore;
  /** What the sids begin with; one load's own. */
  readonly name: string;
  readonly sessions: number;
  readonly workers: number;
  readonly random: Random;
  /** Milliseconds that a worker waits between two rounds, at most. */
  readonly pause?: number;
  /** Whether workers have sessions of their own besides, which begin and end; they have unless it is said. */
  readonly own?: boolean;
  /** Milliseconds within which every call must be settled. */
  readonly patience: number;
  /** What the database has of a session, read without the stores: for the evidence of stale reads. */
  readonly look?: (sid: string) => Promise<unknown>;
}

interface Written {
  /** The highest number whose save was acknowledged, and the highest that was sent. */
  acknowledged: number;
  sent: number;
  /** The highest that was acknowledged and that a read did not show. */
  unseen: number;
}

/**
 * A load on sessions that all workers change at once, each its own key of them, through any of the stores; besides, sessions
 * of one worker's own that begin and end. It knows afterwards what must be in the database.
 */
export class SharedLoad {
  readonly counts: LoadCounts = noCounts();
  /** What was found to be lost, by a read under load or afterwards, each once: `sid/worker/number` of a save, or a sid. */
  readonly lost = new Set<string>();
  readonly #options: SharedLoadOptions;
  readonly #stale: StaleReads;
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
    this.#stale = new StaleReads(options.look);
  }

  /** What is known of the reads that did not show an acknowledged save. */
  get staleReads(): readonly StaleRead[] {
    return this.#stale.kept;
  }

  /** Makes the sessions and lets the workers begin. */
  async start(): Promise<void> {
    const { name, sessions, workers, maker } = this.#options;
    const make = (_: unknown, i: number) => (maker ?? this.#store()[0]).set(`${name}-${i}`, { born: true });
    await Promise.all(Array.from({ length: sessions }, make));
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
        if (stored < acknowledged) {
          wrong.push(`${sid}: worker ${worker} saved ${acknowledged}, and ${stored} is there`);
          this.lost.add(`${sid}/${worker}/${acknowledged}`);
        }
        if (stored > sent) wrong.push(`${sid}: worker ${worker} sent ${sent}, and ${stored} is there`);
      }
    }
    const ended = [...this.#ended];
    const found = await Promise.all(ended.map((sid) => store.get(sid)));
    for (const [i, session] of found.entries()) {
      if (session === null) continue;
      wrong.push(`${ended[i]} was ended, and lives`);
      this.lost.add(String(ended[i]));
    }
    return wrong;
  }

  async #work(worker: number, random: Random): Promise<void> {
    const { name, sessions, pause = 4, own = true } = this.#options;
    for (let round = 0; this.#running; round++) {
      const sid = `${name}-${random.between(0, sessions - 1)}`;
      if (own && round % 10 === 9) await this.#life(`${name}-own-${worker}-${round}`, worker);
      else if (round % 5 === 4)
        await this.#call({ verb: 'touch', sid, worker, writes: true }, (store) => store.touch(sid));
      else await this.#save(sid, worker);
      await sleep(pause * random.next());
    }
  }

  async #save(sid: string, worker: number): Promise<void> {
    const written = this.#of(sid, worker);
    const loaded = await this.#call({ verb: 'load', sid, worker }, (store) => store.load(sid));
    if (loaded === undefined) return;
    if (loaded.value === null) {
      this.counts.missed += 1;
      return;
    }
    const { session, revision } = loaded.value;
    const read = numberIn(session, worker);
    const { acknowledged } = written;
    if (read < acknowledged && acknowledged > written.unseen) {
      written.unseen = acknowledged;
      this.counts.stale += 1;
      this.lost.add(`${sid}/${worker}/${acknowledged}`);
      await this.#stale.keep({ sid, worker, acknowledged, read, session });
    }
    written.sent += 1;
    const next = written.sent;
    const changed = { ...session, [`worker${worker}`]: next };
    const saved = await this.#call({ verb: `update to ${next}`, sid, worker, writes: true }, (store) =>
      store.update(sid, changed, { revision }),
    );
    if (saved?.value === null) this.counts.missed += 1;
    else if (saved !== undefined) written.acknowledged = next;
  }

  /** A login, a request that goes on while the session is ended elsewhere, and its late save. */
  async #life(sid: string, worker: number): Promise<void> {
    const call = { sid, worker, writes: true };
    const born = await this.#call({ ...call, verb: 'set' }, (store) => store.set(sid, { own: true }));
    if (born === undefined) return;
    const loaded = await this.#call({ sid, worker, verb: 'load' }, (store) => store.load(sid));
    if (loaded?.value === null) this.counts.missed += 1;
    if ((await this.#call({ ...call, verb: 'destroy' }, (store) => store.destroy(sid))) === undefined) return;
    this.#ended.add(sid);
    const revision = loaded?.value?.revision;
    if (revision === undefined) return;
    const late = await this.#call({ sid, worker, verb: 'update' }, (store) =>
      store.update(sid, { late: true }, { revision }),
    );
    if (late !== undefined && late.value !== null) this.counts.revived += 1;
  }

  /** What a call resolved to, or undefined where it failed. */
  async #call<T>(
    { verb, sid, worker, writes = false }: { verb: string; sid: string; worker: number; writes?: boolean },
    call: (store: KnexSessionStore) => Promise<T>,
  ): Promise<{ readonly value: T } | undefined> {
    const { counts } = this;
    const [store, number] = this.#store();
    const at = new Date().toISOString();
    const began = performance.now();
    const ended = (outcome: string) =>
      this.#stale.note({ began: at, ended: new Date().toISOString(), worker, store: number, verb, sid, outcome });
    counts.requests += 1;
    const timer = setTimeout(() => {
      counts.hung += 1;
    }, this.#options.patience);
    try {
      const value = await call(store);
      if (writes) {
        counts.acknowledged += 1;
        this.#acknowledgements.push(performance.now());
      }
      ended(said(value));
      return { value };
    } catch (error) {
      const code = errorCode(error);
      counts.errors[code] = (counts.errors[code] ?? 0) + 1;
      counts.causes[causeCode(error)] = (counts.causes[causeCode(error)] ?? 0) + 1;
      this.#failures.push(performance.now());
      ended(`error ${code} ${causeCode(error)}`);
      return undefined;
    } finally {
      clearTimeout(timer);
      counts.slowest = Math.max(counts.slowest, Math.round(performance.now() - began));
    }
  }

  /** The stores by turns, so that what one wrote is mostly read through another. */
  #store(): [store: KnexSessionStore, number: number] {
    const { stores } = this.#options;
    const number = this.#turn++ % stores.length;
    return [stores[number] as KnexSessionStore, number];
  }

  #of(sid: string, worker: number): Written {
    const name = `${sid}/${worker}`;
    let written = this.#written.get(name);
    if (written === undefined) {
      written = { acknowledged: 0, sent: 0, unseen: 0 };
      this.#written.set(name, written);
    }
    return written;
  }
}

function numberIn(session: object, worker: number): number {
  return Number((session as Record<string, unknown>)[`worker${worker}`] ?? 0);
}

/** What a call resolved to, in short: of a loaded session what it holds. */
function said(value: unknown): string {
  const { session } = (value ?? {}) as { session?: object };
  if (session !== undefined) return JSON.stringify(session);
  return value === null || typeof value === 'boolean' ? String(value) : 'done';
}
