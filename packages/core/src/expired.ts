import { setTimeout as rest } from 'node:timers/promises';
import type { Batch } from './batch.js';
import type { Place } from './place.js';

// Rows in one statement. Over a slow network fewer take no less time.
const FIRST = 250;
const LEAST = 200;
const MOST = 1000;

/** What one statement should take, in milliseconds: where the database does one thing at a time, reads wait for it. */
const AIM = 4;

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
  let deleted = 0;
  for (let most = FIRST; ; ) {
    let began = 0;
    const result = await batch.wholeSql(() => {
      began = performance.now();
      return dialect.deleteExpired(layout, table, quote, before, most);
    });
    const took = performance.now() - began;
    const reached = dialect.affected(result);
    deleted += reached;
    if (reached < most || signal.aborted) return deleted;
    await rest(Math.min(took, LONGEST_REST), undefined, { signal }).catch(() => {});
    if (signal.aborted) return deleted;
    most = nextMost(most, took);
  }
}

/** How many rows the next statement is for, after one for `most` that took so many milliseconds. */
export function nextMost(most: number, took: number): number {
  const aimed = Math.round((most * AIM) / took);
  return Math.min(Math.max(aimed, LEAST, Math.round(most / 2)), MOST, most * 2);
}
