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
export function ensureTable(place: Place, extras: Extras, timeout?: number): Promise<void> {
  return attempted(place, timeout, async () => {
    const facts = await factsOf(place);
    if (!(await createTable(place, extras, facts))) await checkTable(place, extras, facts);
  });
}

/**
 * What is asked of the server where the table is neither made nor checked; undefined where its database has no such question.
 *
 * @param timeout milliseconds, for the message of a statement that took longer
 */
export function settingsCheck(place: Place, timeout: number): (() => Promise<void>) | undefined {
  const { knex, dialect } = place;
  if (dialect.checkSettings === undefined) return undefined;
  return () => attempted(place, timeout, async () => dialect.checkSettings?.(knex));
}

async function attempted(place: Place, timeout: number | undefined, attempt: () => Promise<void>): Promise<void> {
  for (let tried = 0; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      // Another process may be making it just now, or a table whose name the database cuts to the same for what goes with it.
      const { kind } = place.dialect.failure(error);
      if (tried === RETRIES || (kind !== 'transient' && kind !== 'exists')) {
        throw wrapError(error, place.dialect, timeout);
      }
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 50));
    }
  }
}
