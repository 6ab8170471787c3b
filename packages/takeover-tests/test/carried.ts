import { createHash } from 'node:crypto';
import type { DatabaseName } from '@kss/test-kit';
import type { Knex } from 'knex';
import type { RunnerTestCase } from 'vitest';

/** What was carried over, from a predecessor to ours and back: a line of the table that a run of the tests ends with. */
export interface Carried {
  readonly predecessor: string;
  readonly version: string;
  readonly database: string;
  readonly sessions: number;
  /** Sessions that ours read as they were written. */
  readonly toOurs: number;
  /** Sessions that ours changed, and that the predecessor then read as ours had left them. */
  readonly back: number;
  /** Milliseconds between what ours says of an end and what its column says, at the most. */
  readonly endRead: number;
  /** Milliseconds between an end that ours was to write and what its column says then, at the most. */
  readonly endWritten: number;
}

declare module 'vitest' {
  interface TaskMeta {
    carried?: Carried;
  }
}

const FULL = process.env.KSS_TAKEOVER === 'full';

/** How many sessions are carried over: of the newest version of a predecessor always as many as in the full form. */
export function howMany(isNewest: boolean): number {
  return FULL || isNewest ? 10_000 : 1000;
}

/** Notes what a test carried, for the table. */
export function note(task: RunnerTestCase, line: Carried): void {
  task.meta.carried = line;
}

/** Does so much work, some of it at once. */
export async function inLanes(count: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

/** The greatest of many distances; NaN where one is no number. */
export function greatest(distances: readonly number[]): number {
  return distances.reduce((most, distance) => Math.max(most, distance), 0);
}

/** The name that lists have for a session id. */
export function handleOf(sid: string): string {
  return createHash('sha256').update(sid).digest('base64url');
}

/** How the column of the expiry is to be read. */
export type EndColumn = 'milliseconds' | 'seconds' | 'instant' | 'utc';

/** When each session ends, by its id, in epoch milliseconds: what stands in the column, without a word of ours. */
export async function endsIn(
  knex: Knex,
  name: DatabaseName,
  table: string,
  columns: { readonly sid: string; readonly expiry: string; readonly as: EndColumn },
): Promise<ReadonlyMap<string, number>> {
  const { sid, expiry, as } = columns;
  const rows = (await knex(table).select({ sid, end: knex.raw(expressionOf(name, as), [expiry]) })) as {
    sid: string;
    end: unknown;
  }[];
  const instant = (end: unknown) => (typeof end === 'string' && /[T:]/.test(end) ? Date.parse(end) : Number(end));
  return new Map(rows.map((row) => [row.sid, instant(row.end)]));
}

function expressionOf(name: DatabaseName, as: EndColumn): string {
  if (as === 'milliseconds') return '??';
  if (as === 'seconds') return '?? * 1000';
  if (name === 'postgres') {
    // Without a zone it is the wall clock of the connection's, or of UTC.
    const zoned = as === 'utc' ? "(?? at time zone 'UTC')" : '(??)::timestamptz';
    return `extract(epoch from ${zoned}) * 1000`;
  }
  return name === 'sqlite' ? '??' : "date_format(??, '%Y-%m-%dT%H:%i:%s.%fZ')";
}
