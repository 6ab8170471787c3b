import { isDeepStrictEqual } from 'node:util';
import { bytesOf, type Columns, type EncodedSession, encodeSession, readValue, storedSession } from './codec.js';
import { columnsOf } from './dialect/index.js';
import { isKssError, type KssErrorCode } from './errors.js';
import type { Field } from './layout.js';
import type { Place } from './place.js';
import { ownedValues, type WholeRow } from './whole-table.js';

/**
 * What the row's columns and text should be; undefined where its columns are right.
 *
 * @throws KssError UNREADABLE_ROW, COLUMN_VALUE, TOO_LARGE, and what the app's codec throws
 */
export function fillingOf(row: WholeRow, place: Place): EncodedSession | undefined {
  const { layout, dialect } = place;
  const session = storedSession({ ...row, values: ownedValues(row, place) }, layout);
  const columns = columnsOf(dialect);
  let differs = false;
  const filled = encodeSession(row.key, session, layout, {
    take: (field, value) => columns.take(field, field.type === 'binary' ? bytesOf(value) : value),
    bind(field, taken) {
      const bound = columns.bind(field, taken);
      const stored = readValue(row.key, field, row.values[layout.fields.indexOf(field)]);
      if (bound !== null && !(stored !== null && holds(columns, field, stored, taken))) differs = true;
      return bound;
    },
  });
  const stale = filled.values.some((value, i) => value === null && (row.values[i] ?? null) !== null);
  return differs || stale ? filled : undefined;
}

/** Whether a column has what was taken for it. */
function holds(columns: Columns, field: Field, stored: unknown, taken: unknown): boolean {
  try {
    const again = columns.take(field, stored);
    // Some databases show no more digits of it.
    if (field.type === 'float' && stored === Number((taken as number).toPrecision(6))) return true;
    const isJson = field.type === 'json' || field.type === 'jsonb';
    // Databases order the keys of JSON.
    return isJson
      ? isDeepStrictEqual(JSON.parse(String(again)), JSON.parse(String(taken)))
      : isDeepStrictEqual(again, taken);
  } catch {
    return false; // another program wrote there what the column's type allows and KSS does not
  }
}

const OF_ONE_SESSION: readonly KssErrorCode[] = ['UNREADABLE_ROW', 'DECRYPT_FAILED', 'COLUMN_VALUE', 'TOO_LARGE'];

/** Whether an error is about one session, and so keeps no other from being filled. */
export function isOfOneSession(error: unknown): boolean {
  return OF_ONE_SESSION.some((code) => isKssError(error, code));
}
