import type { Batch } from './batch.js';
import type { Place } from './place.js';

// Rows in one statement.
const FIRST = 250;
const LEAST = 100;
const MOST = 1000;

/** What one statement should take, in milliseconds: where the database does one thing at a time, reads wait for it. */
const AIM = 4;

/**
 * Deletes the rows that expired by an instant, some at a time, and rests after each statement for as long as it took: what the
 * app asks meanwhile has at least half of the time.
 *
 * @param before epoch milliseconds
 * @param isOver whether nobody wants the rest any more
 * @returns how many
 * @throws KssError TIMEOUT, DATABASE
 */
export async function deleteExpired(
  { dialect, layout, table, quote }: Place,
  batch: Batch,
  before: number,
  isOver: () => boolean,
): Promise<number> {
  let deleted = 0;
  for (let most = FIRST; ; ) {
    const began = performance.now();
    const result = await batch.wholeSql(() => dialect.deleteExpired(layout, table, quote, before, most));
    const took = performance.now() - began;
    const reached = dialect.affected(result);
    deleted += reached;
    if (reached < most || isOver()) return deleted;
    await new Promise((resolve) => setTimeout(resolve, took));
    if (isOver()) return deleted;
    most = nextMost(most, took);
  }
}

/** How many rows the next statement is for, after one for `most` that took so many milliseconds. */
export function nextMost(most: number, took: number): number {
  const aimed = Math.round((most * AIM) / took);
  return Math.min(Math.max(aimed, LEAST, Math.round(most / 2)), MOST, most * 2);
}
