import { KssError } from './errors.js';
import { fillingOf, isOfOneSession } from './filling.js';
import { refuseUnknown } from './options.js';
import { type KnexSessionStore, partsOf, type StoreParts } from './store.js';
import type { SessionStore } from './types.js';
import { livePages, type WholeRow } from './whole-table.js';

const LARGEST_CHUNK = 10_000;
/** Fills at once: more than the connections that the store takes, so that none of these waits; few, so that none is late. */
const LANES = 8;

/** How far a {@link backfill} is. */
export interface BackfillProgress {
  /** Live sessions that were looked at. */
  readonly seen: number;
  /** Those whose columns were filled. */
  readonly filled: number;
  /** Those that others saved or ended at that moment; the next run looks at them again. */
  readonly missed: number;
  /** Those that could not be read, or whose value the column cannot hold, and were left alone; `onError` of the store heard why. */
  readonly failed: number;
}

/** How a {@link backfill} goes. */
export interface BackfillOptions {
  /** Sessions in one query, 10000 at the most. @default 500 */
  readonly chunk?: number;
  /** Called after each chunk. What it returns is awaited, so that it may also slow the work down. */
  readonly onProgress?: (progress: BackfillProgress) => unknown;
}

/**
 * Fills schema columns that were added later from the JSON of the sessions that live, while the app runs: until then `find`,
 * `count` and `destroyWhere` miss those sessions.
 *
 * A session's data, its expiry and what others save meanwhile stay as they are. It may be run again at any time.
 *
 * @param store a KnexSessionStore with the new columns
 * @example
 * await backfill(sessions, { onProgress: ({ seen, filled }) => console.log(`${filled} of ${seen}`) });
 * @throws KssError INVALID_OPTION, CLOSED, TIMEOUT, DATABASE
 */
export async function backfill(store: SessionStore, options: BackfillOptions = {}): Promise<BackfillProgress> {
  const { chunk = 500, onProgress } = refuseUnknown(options, ['chunk', 'onProgress'], 'option of backfill');
  if (!Number.isSafeInteger(chunk) || chunk < 1 || chunk > LARGEST_CHUNK)
    throw new KssError('INVALID_OPTION', `chunk must be a whole number from 1 to ${LARGEST_CHUNK}.`);
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw new KssError('INVALID_OPTION', 'onProgress must be a function of the progress.');
  const parts = partsOf(store);
  const { fields, owned } = parts.place.layout;
  // What is derived may be out of date where it is set, too.
  const unset = owned.length === fields.length ? owned.map(({ name }) => name) : [];
  const progress = { seen: 0, filled: 0, missed: 0, failed: 0 };
  const run = <T>(make: () => PromiseLike<T>) => {
    (store as KnexSessionStore).repo(); // throws where the store was closed
    return parts.batch.whole(make);
  };
  const pages = fields.length === 0 ? [] : livePages(parts.place, chunk, run, { unset });
  for await (const rows of pages) {
    await inLanes(rows, async (row) => {
      progress.seen += 1;
      const outcome = await fillRow(row, parts);
      if (outcome !== undefined) progress[outcome] += 1;
    });
    await onProgress?.({ ...progress });
  }
  return progress;
}

async function fillRow(row: WholeRow, { place, batch, report }: StoreParts) {
  try {
    const filled = fillingOf(row, place);
    if (filled === undefined) return undefined;
    return (await batch.fill(row, filled)) ? 'filled' : 'missed';
  } catch (error) {
    if (!isOfOneSession(error)) throw error;
    report(error);
    return 'failed';
  }
}

async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  // Each lane takes the next; a generator ends for all of them when one of them throws.
  const left = (function* () {
    yield* items;
  })();
  const lane = async () => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
