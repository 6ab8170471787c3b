import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Ledger, messageOf } from './ledger.js';
import { percentile } from './statistics.js';

/** What one short run of one store gave. */
export interface Sample {
  /** Calls per second, all clients together. */
  readonly perSecond: number;
  /** Milliseconds that half of the calls took at most. */
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  /** Processor time of this process for one call, in microseconds; the database's own is not in it. */
  readonly cpu: number;
}

/** How a store is loaded. */
export interface Load {
  /** One call, or one request's worth of calls, for the session of that number. */
  readonly step: (index: number) => Promise<void>;
  readonly ledger: Ledger;
  /** Each does one step after the other, on sessions that are its own. */
  readonly clients: number;
  /** A length in milliseconds, or until this is fulfilled. */
  readonly until: number | Promise<unknown>;
}

const PATIENCE_MS = 20_000;

// The collection before a run throws away what compiled code rests on, and the young generation shrinks; a process that has
// served for a minute has both. Without this, the fastest store's figure was lower by a third.
const WARMTH_MS = 300;

let loaded: Ledger | undefined;

/** From now on, what nobody can catch counts against this store. */
export function blameFrom(ledger: Ledger): void {
  loaded = ledger;
}

/**
 * Runs clients against a store, after a moment of the same that does not count.
 *
 * @param patience milliseconds after the end, from when on a call counts as hung and is not waited for
 */
export async function drive(load: Load, patience = PATIENCE_MS): Promise<Sample> {
  blameFrom(load.ledger);
  collectGarbage();
  if (typeof load.until === 'number') await measure({ ...load, until: Math.min(load.until, WARMTH_MS) }, patience);
  return measure(load, patience);
}

async function measure({ clients, ledger, until, step }: Load, patience: number): Promise<Sample> {
  const latencies: number[] = [];
  const state = { over: false, running: clients };
  const cpu = process.cpuUsage();
  const began = performance.now();
  const end = typeof until === 'number' ? began + until : Number.POSITIVE_INFINITY;
  if (typeof until !== 'number') until.then(stop, stop);

  function stop() {
    state.over = true;
  }

  async function client(number: number) {
    while (!state.over) {
      const start = performance.now();
      if (start >= end) break;
      try {
        await step(rowOf(number, clients, ledger.rows));
      } catch (error) {
        ledger.fail(error);
      }
      latencies.push(performance.now() - start);
    }
    state.running--;
  }

  const work = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  await patiently(work, until, patience);
  state.over = true;
  ledger.faults.hung += state.running;
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return sampleOf(latencies, seconds, user + system);
}

/**
 * What a run gave.
 *
 * @param latencies milliseconds of each call, in any order
 * @param seconds that the run took
 * @param cpu microseconds of processor time that all calls took together
 */
export function sampleOf(latencies: readonly number[], seconds: number, cpu: number): Sample {
  const sorted = Float64Array.from(latencies).sort();
  return {
    perSecond: sorted.length / seconds,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    longest: percentile(sorted, 1),
    cpu: cpu / Math.max(1, sorted.length),
  };
}

/** Does something once for each session, with so many at a time. */
export async function eachSession({ step, ledger, clients }: Omit<Load, 'until'>): Promise<void> {
  blameFrom(ledger);
  let next = 0;
  const client = async () => {
    for (let index = next++; index < ledger.rows; index = next++) {
      await step(index).catch((error) => ledger.fail(error));
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}

/** A session at random, among those of one client. */
function rowOf(client: number, clients: number, rows: number): number {
  const own = Math.max(1, Math.floor((rows - client + clients - 1) / clients));
  return (client + clients * Math.floor(Math.random() * own)) % rows;
}

async function patiently(work: Promise<unknown>, until: Load['until'], patience: number): Promise<void> {
  if (typeof until !== 'number') await until.catch(() => {});
  const length = patience + (typeof until === 'number' ? until : 0);
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise((resolve) => {
    timer = setTimeout(resolve, length);
  });
  await Promise.race([work, enough]);
  clearTimeout(timer);
}

/** One store's garbage is not another's to collect. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
}

/** From now on, what a store throws where nobody can catch it is counted against the one that is under load. */
export function surviveStores(): void {
  process.on('uncaughtException', blame); // a rejection that nobody handles becomes one
}

function blame(error: unknown): void {
  if (loaded === undefined) {
    console.error(error);
    process.exit(1);
  }
  loaded.faults.unhandled++;
  loaded.faults.first ??= messageOf(error);
}
