import { inspect } from 'node:util';
import fc from 'fast-check';
import { guarded } from './guard.js';

/** The seed of the whole run; vitest.config.ts makes one where the environment gives none. */
const seed = Number(process.env.KSS_FUZZ_SEED);

const short = process.env.KSS_FUZZ === 'short';
const PER_BATCH = 100;
const TOGETHER = 25;

/** What is done with hostile values of one kind, and what must hold after each and after many. */
export interface Subject<T> {
  readonly name: string;
  /** How many, unless the run is short or its time is over. */
  readonly cases: number;
  readonly arbitrary: fc.Arbitrary<T>;
  readonly check: (value: T, at: number) => Promise<void> | void;
  /** What must hold after a batch of cases, such as that other rows are what they were. */
  readonly holds?: () => Promise<void> | void;
  /** Whether one case waits for the end of the one before. @default false */
  readonly oneByOne?: boolean;
  /** Milliseconds in a short run. @default 600 */
  readonly shortMs?: number;
}

/**
 * Runs a subject's cases, in batches. A batch is made of the seed, the subject's name and the batch's number alone, so a run with the
 * same seed repeats it, whatever the time of either.
 */
export async function fuzz<T>(subject: Subject<T>): Promise<void> {
  const { name, cases, arbitrary, check, holds = () => {}, oneByOne = false } = subject;
  const begun = performance.now();
  const until = begun + limit(subject.shortMs ?? 600);
  let done = 0;
  for (let batch = 0; done < cases && (batch === 0 || performance.now() < until); batch++) {
    const numRuns = Math.min(PER_BATCH, cases - done);
    const values = fc.sample(arbitrary, { seed: mixed(`${name} ${batch}`), numRuns });
    const title = `${name}, batch ${batch}, KSS_FUZZ_SEED=${seed}`;
    const one = async (value: T, i: number) => {
      try {
        await check(value, done + i);
      } catch (error) {
        throw new Error(`${title}, case ${i}: ${shown(value)}\n${(error as Error)?.stack ?? String(error)}`);
      }
    };
    await guarded(title, async () => {
      for (let at = 0; at < values.length; at += oneByOne ? 1 : TOGETHER) {
        const together = values.slice(at, at + (oneByOne ? 1 : TOGETHER));
        await Promise.all(together.map((value, i) => one(value, at + i)));
      }
      await holds();
    });
    done += values.length;
  }
  const ms = Math.round(performance.now() - begun);
  process.stdout.write(`fuzz: ${name}: ${done} of ${cases} cases in ${ms} ms, KSS_FUZZ_SEED=${seed}\n`);
}

/** The cases that a database gets of those that the fastest one gets. */
export function share(cases: number, database: string): number {
  return database === 'sqlite' ? cases : Math.ceil(cases / 50);
}

/** A value as text, whatever it does when it is looked at. */
function shown(value: unknown): string {
  try {
    return inspect(unwrapped(value), {
      customInspect: false,
      showProxy: true,
      depth: 5,
      maxStringLength: 300,
      breakLength: 160,
    });
  } catch {
    return 'a value that cannot be shown';
  }
}

function unwrapped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unwrapped);
  const { make } = (value ?? {}) as { make?: unknown };
  return typeof make === 'function' ? (make as () => unknown)() : value;
}

function limit(shortMs: number): number {
  const seconds = Number(process.env.KSS_FUZZ_SECONDS);
  if (seconds > 0) return seconds * 1000;
  return short ? shortMs : Number.POSITIVE_INFINITY;
}

/** FNV-1a, begun with the seed. */
function mixed(text: string): number {
  let hash = 2_166_136_261 ^ seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16_777_619);
  return hash | 0;
}
