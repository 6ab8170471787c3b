import { setTimeout as rest } from 'node:timers/promises';
import type { Batch } from './batch.js';
import type { Place } from './place.js';

/** How much is done at a time. */
export interface Pace {
  /** Rows in the first statement, and in any. */
  readonly first: number;
  readonly least: number;
  readonly most: number;
  /** What one statement should take, in milliseconds. */
  readonly aim: number;
  /** Milliseconds of the shortest rest. */
  readonly rest: number;
}

// Over a slow network fewer rows take no less time.
const AFAR: Pace = { first: 250, least: 200, most: 1000, aim: 4, rest: 0 };

// Every read waits while a statement runs in this process, and longest where one of them happens to write the log back.
const WITHIN: Pace = { first: 20, least: 20, most: 1000, aim: 0.5, rest: 5 };

/** Milliseconds of one rest: a table that is far away, or much asked, must still be collected faster than it grows. */
const LONGEST_REST = 20;

/**
 * Deletes the rows that expired by an instant, some at a time, and rests after each statement for as long as it took, 20 ms at
 * most.
 *
 * @param before epoch milliseconds
 * @param signal when nobody wants the rest any more
 * @returns how many
 * @throws KssError TIMEOUT, DATABASE
 */
export async function deleteExpired(
  { dialect, layout, table, quote }: Place,
  batch: Batch,
  before: number,
  signal: AbortSignal,
): Promise<number> {
  const pace = dialect.blocks === true ? WITHIN : AFAR;
  let deleted = 0;
  for (let most = pace.first; ; ) {
    let began = 0;
    const result = await batch.wholeSql(() => {
      began = performance.now();
      return dialect.deleteExpired(layout, table, quote, before, most);
    });
    const took = performance.now() - began;
    const reached = dialect.affected(result);
    deleted += reached;
    if (reached < most || signal.aborted) return deleted;
    await rest(Math.max(pace.rest, Math.min(took, LONGEST_REST)), undefined, { signal }).catch(() => {});
    if (signal.aborted) return deleted;
    most = nextMost(most, took, pace);
  }
}

/** How many rows the next statement is for, after one for `most` that took so many milliseconds. */
export function nextMost(most: number, took: number, { least, most: limit, aim }: Pace): number {
  const aimed = Math.round((most * aim) / took);
  return Math.min(Math.max(aimed, least, Math.round(most / 2)), limit, most * 2);
}
