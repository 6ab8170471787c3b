import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Ledger, Verdict } from './ledger.js';
import { SHORT } from './mode.js';
import { SEED } from './random.js';

/** Where the counts of this form of the suite are; git ignores them. */
const RESULTS = fileURLToPath(new URL(`../results/${SHORT ? 'short' : 'long'}`, import.meta.url));

/** One line of the table in docs/reliability.md. */
export interface Line {
  readonly scenario: string;
  /** The file of the test. */
  readonly suite: string;
  /** The database, with its version. */
  readonly database: string;
  /** How many times the fault happened. */
  readonly faults: number;
  readonly requests: number;
  /** Writes that were acknowledged. */
  readonly acknowledged: number;
  /** Acknowledged writes that are not there, and ended sessions that are. */
  readonly lost: number;
  /** Writes whose caller got TIMEOUT or DATABASE and that took effect over a later one. */
  readonly late: number;
  /** Writes that were acknowledged when they were sent again, and whose first copy took effect over a later one. */
  readonly twice: number;
  /** By code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly crashes: number;
  /** Calls that were never settled. */
  readonly hung: number;
  /** Milliseconds from the end of the fault until the next acknowledged request, at most; null where there was none. */
  readonly recovery: number | null;
  /** The longest call, in milliseconds. */
  readonly slowest: number | null;
  readonly seed: number;
  readonly node: string;
  readonly machine: string;
  readonly date: string;
}

type Counted = Pick<Line, 'scenario' | 'database' | 'faults'> & Partial<Line>;

/** Leaves the counts of a scenario, for a ledger what it counted; says them on stdout as well. */
export async function record(line: Counted, ledger?: Ledger, verdict?: Verdict): Promise<void> {
  const whole: Line = {
    suite: basename(expect.getState().testPath ?? ''),
    requests: ledger?.requests ?? 0,
    acknowledged: ledger?.acknowledgedWrites ?? 0,
    lost: verdict === undefined ? 0 : verdict.lost.length + verdict.revived.length,
    late: verdict?.late.length ?? 0,
    twice: 0,
    errors: Object.fromEntries(ledger?.errors ?? []),
    crashes: ledger?.crashes ?? 0,
    hung: ledger?.hung ?? 0,
    recovery:
      ledger === undefined || ledger.recoveries.length === 0 ? null : Math.round(Math.max(...ledger.recoveries)),
    slowest: ledger === undefined ? null : Math.round(ledger.slowest),
    seed: SEED,
    node: process.version,
    machine: `${cpus().length} cores of ${cpus()[0]?.model ?? 'an unknown kind'}`,
    date: new Date().toISOString().slice(0, 10),
    ...line,
  };
  await mkdir(RESULTS, { recursive: true });
  const name = `${whole.scenario} ${whole.database}`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  await writeFile(join(RESULTS, `${name}.json`), `${JSON.stringify(whole, null, 2)}\n`);
  console.log(JSON.stringify(whole));
}
