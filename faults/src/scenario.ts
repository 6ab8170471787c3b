import { createSessionTable, KnexSessionStore, type StoreOptions } from '@kss/core';
import type { Knex } from 'knex';
import { expect } from 'vitest';
import { Ledger, type Verdict } from './ledger.js';
import { heldIn, type Load, startLoad, storeTarget } from './load.js';
import { type Random, random, SEED } from './random.js';
import { record } from './report.js';
import { countStrays } from './strays.js';

/** What may reach a caller while a database is not well. */
const DOCUMENTED = new Set(['DATABASE', 'TIMEOUT', 'SYNC_TIMEOUT', 'OVERLOADED', 'CONFLICT']);
// What the event loop of a busy machine may be late by.
const SLACK = 1500;

/** A scenario over stores, under load. */
export interface Scenario {
  /** What the table in docs/reliability.md calls it. */
  readonly name: string;
  /** The database with its version. */
  readonly database: () => string;
  readonly table: string;
  /** Each gets a store of its own, and is destroyed afterwards. */
  readonly knexes: readonly Knex[];
  /** Reads the table afterwards, past whatever stands between the stores and the database. */
  readonly direct: Knex;
  readonly timeout: number;
  readonly clients?: number;
  readonly options?: StoreOptions<readonly []>;
  readonly strays: unknown[];
  /** Whether the server can still have a statement whose caller was told that its outcome is unknown. */
  readonly late?: boolean;
  /** Sessions that a statement named which reached the server after it was sent again: it may have been done twice. */
  readonly sentAgain?: () => ReadonlySet<string>;
  /** How long, in milliseconds, the driver may block the event loop, so that nobody can be told anything. */
  readonly blocked?: number;
  /** Whether callers can hear of the fault at all. */
  readonly heard?: boolean;
}

/** What a scenario's faults are made with. */
export interface Tools {
  readonly ledger: Ledger;
  readonly draw: Random;
  readonly stores: readonly KnexSessionStore[];
  readonly load: Load;
}

/** What came out, for what else a test has to say. */
export interface Outcome {
  readonly ledger: Ledger;
  /** Without {@link Outcome.twice}. */
  readonly verdict: Verdict;
  /** Sessions in which a write that was sent again, and acknowledged, took effect once more over a later one; some more than once. */
  readonly twice: readonly string[];
}

/** Loads the stores, lets the faults happen, then compares what was acknowledged with what is there and leaves the counts. */
export async function underLoad(scenario: Scenario, inject: (tools: Tools) => Promise<number>): Promise<Outcome> {
  const { name, table, knexes, direct, timeout, strays, clients = 16, blocked = 0 } = scenario;
  strays.length = 0;
  const draw = random(SEED);
  const ledger = new Ledger(timeout + blocked + SLACK);
  const options = { tableName: table, timeout, onError() {}, ...scenario.options };
  // Past what stands between, so that the load begins with a table.
  await createSessionTable(direct, { tableName: table });
  const stores = knexes.map((knex) => new KnexSessionStore(knex, options));
  try {
    for (const store of stores) await store.waitForSync();
    const load = startLoad({
      ledger,
      targets: stores.map((store, i) => storeTarget(store, stores[i + 1] ?? stores[0])),
      clients,
      random: draw.fork(),
    });
    let faults = 0;
    try {
      faults = await inject({ ledger, draw, stores, load });
    } finally {
      await load.stop();
    }
    countStrays(strays, ledger);
    const found = ledger.missing(await heldIn(direct, table));
    const [verdict, twice] = withoutTwice(found, scenario.sentAgain?.() ?? new Set());
    await record({ scenario: name, database: scenario.database(), faults, twice: twice.length }, ledger, verdict);
    expectWhole(scenario, ledger, verdict);
    return { ledger, verdict, twice };
  } finally {
    for (const store of stores) await store.close();
    for (const knex of new Set([...knexes, direct])) await knex.destroy();
  }
}

function withoutTwice(found: Verdict, sentAgain: ReadonlySet<string>): [Verdict, twice: string[]] {
  const others = (sids: readonly string[]) => sids.filter((sid) => !sentAgain.has(sid));
  const { lost, revived } = found;
  const twice = [...lost, ...revived].filter((sid) => sentAgain.has(sid));
  return [{ ...found, lost: others(lost), revived: others(revived) }, twice];
}

/** Nothing lost, nothing revived, each call settled in time with a documented code, no process down. */
export function expectWhole(
  { late, heard = true }: Pick<Scenario, 'late' | 'heard'>,
  ledger: Ledger,
  verdict: Verdict,
): void {
  expect({ ...verdict, late: late === true ? [] : verdict.late }).toEqual({ lost: [], revived: [], late: [] });
  expect({ hung: ledger.hung, crashes: ledger.crashes }).toEqual({ hung: 0, crashes: 0 });
  expect([...ledger.errors.keys()].filter((code) => !DOCUMENTED.has(code))).toEqual([]);
  // A load that nothing went wrong with, or nothing right, has shown nothing.
  if (heard) expect([...ledger.errors.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  expect(ledger.acknowledgedWrites).toBeGreaterThan(0);
}
