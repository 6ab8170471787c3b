import { wrapError } from './executor.js';
import type { Place } from './place.js';
import { createTable, type Extras, factsOf } from './table.js';
import { checkTable } from './table-check.js';

const RETRIES = 5;

/**
 * Makes the table if it is missing, and checks it otherwise.
 *
 * @param timeout milliseconds, for the message of a statement that took longer
 * @throws KssError TABLE_MISMATCH with the statements that mend it, TIMEOUT, DATABASE
 */
export async function ensureTable(place: Place, extras: Extras, timeout?: number): Promise<void> {
  for (let tried = 0; ; tried++) {
    try {
      const facts = await factsOf(place);
      if (!(await createTable(place, extras, facts))) await checkTable(place, extras, facts);
      return;
    } catch (error) {
      // Another process may be making it just now.
      if (tried === RETRIES || place.dialect.failure(error).kind !== 'transient') {
        throw wrapError(error, place.dialect, timeout);
      }
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 50));
    }
  }
}
