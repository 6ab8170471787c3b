import { columnValue, giveValue } from './column-types.js';
import { KssError } from './errors.js';
import { withRowExpiry } from './expiry.js';
import type { Field, Layout } from './layout.js';
import { handleOfKey } from './sid.js';
import type { SessionData } from './types.js';

/** A session taken apart, copied: nothing that the caller does to it later is stored. */
export interface EncodedSession {
  /** The JSON text. */
  readonly text: string;
  /** One value for each field of the layout, in its order; null where there is none. */
  readonly values: readonly unknown[];
}

/** A row as it was read: its key, the JSON text and the values of the owned fields, in the layout's order. */
export interface SessionRow {
  readonly key: string;
  readonly expireAt: number;
  readonly text: string | null;
  readonly values: readonly unknown[];
}

/**
 * Takes a session apart, at once: column values are copied, the rest goes through `toJSON` into text.
 *
 * @param take copies a value for its column, or throws where the column cannot hold it
 * @throws KssError UNSERIALIZABLE, COLUMN_VALUE
 */
export function encodeSession(
  session: object,
  { fields, owned }: Layout,
  take: (field: Field, value: unknown) => unknown,
): EncodedSession {
  const source = plain(session);
  const values = fields.map((field) => {
    const value = pick(field, source) ?? null;
    return value === null ? null : take(field, value);
  });
  return { text: jsonText(() => (owned.length === 0 ? source : rest(source, owned))), values };
}

/**
 * Puts a session together again: a fresh, plain, mutable object.
 *
 * Where the column is NULL and the JSON has the key, the JSON counts: it says `null`, or it is from before the column.
 *
 * @throws KssError UNREADABLE_ROW where the text is no JSON of an object
 */
export function decodeSession(row: SessionRow, { owned }: Layout): SessionData {
  const session = parseSession(row.key, row.text);
  owned.forEach((field, i) => {
    const value = readValue(row.key, field, row.values[i]);
    if (value !== null) session[field.name] = value;
  });
  return withRowExpiry(session, row.expireAt);
}

/**
 * One column's value, as the session has it.
 *
 * @throws KssError UNREADABLE_ROW
 */
export function readValue(key: string, field: Field, raw: unknown): unknown {
  if (raw === null || raw === undefined) return null;
  try {
    return giveValue(field.type, field.args, raw);
  } catch {
    throw unreadable(key, `its column '${field.name}' holds no ${field.type}`);
  }
}

/**
 * The session in the JSON text of a row.
 *
 * @throws KssError UNREADABLE_ROW
 */
export function parseSession(key: string, text: string | null): SessionData {
  const session = parsed(key, text ?? '{}');
  if (typeof session === 'object' && session !== null && !Array.isArray(session)) return session as SessionData;
  throw unreadable(key, 'it holds JSON of no object');
}

function pick(field: Field, source: SessionData): unknown {
  try {
    return field.pick(source);
  } catch (cause) {
    throw columnValue(field.name, field.type, "could not be had: its 'from' function threw", cause);
  }
}

/**
 * A value as JSON, at once.
 *
 * @throws KssError UNSERIALIZABLE
 */
export function jsonText(make: () => object): string {
  return serializable(() => JSON.stringify(make()));
}

function plain(session: object): SessionData {
  const source = serializable(() => {
    const { toJSON } = session as { toJSON?: unknown };
    return typeof toJSON === 'function' ? (toJSON.call(session) as unknown) : session;
  });
  if (typeof source === 'object' && source !== null && !Array.isArray(source)) return source as SessionData;
  throw new KssError('UNSERIALIZABLE', 'A session must be an object with keys; the stored one was left as it is.');
}

/** What the columns do not hold. `null` stays in the JSON, so that null and absent are told apart. */
function rest(source: SessionData, owned: readonly Field[]): SessionData {
  // No prototype, so that a session key named `__proto__` is a key like any other.
  const kept: SessionData = Object.create(null);
  for (const key of Object.keys(source)) kept[key] = source[key];
  for (const { name } of owned) if (kept[name] !== null) delete kept[name];
  return kept;
}

function serializable<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new KssError(
      'UNSERIALIZABLE',
      'The session holds what JSON cannot (a circle, a BigInt, a getter or a toJSON that throws); the stored one was left as it is.',
      { cause },
    );
  }
}

function parsed(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable(key, 'it holds broken JSON'); // the parser's own message would quote the session
  }
}

function unreadable(key: string, why: string): KssError {
  const message = `The row of the session with the handle ${handleOfKey(key)} cannot be read: ${why}. Repair or delete it.`;
  return new KssError('UNREADABLE_ROW', message);
}
