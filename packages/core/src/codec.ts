import { columnValue, giveValue } from './column-types.js';
import { KssError } from './errors.js';
import { withRowExpiry } from './expiry.js';
import { hush, kindOf } from './foreign.js';
import type { Field, Layout } from './layout.js';
import { handleOfKey } from './sid.js';
import type { SessionData } from './types.js';

/** A session taken apart, copied: nothing that the caller does to it later is stored. */
export interface EncodedSession {
  /** The text as it is stored. */
  readonly text: string;
  /** One value for each field of the layout, in its order, as the driver takes it; null where there is none. */
  readonly values: readonly unknown[];
  /** The same as the session has it, copied; also where {@link values} has null for what the column cannot hold. */
  readonly taken: readonly unknown[];
  /** The session again, as it was. */
  readonly session: () => SessionData;
}

/** How values get into columns. */
export interface Columns {
  /** Copies a value for its column, or throws where the column cannot hold it. */
  take(field: Field, value: unknown): unknown;
  /** What the driver takes for it; null where the column cannot tell it from NULL, and the JSON keeps it. */
  bind(field: Field, taken: unknown): unknown;
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
 * @throws KssError UNSERIALIZABLE, COLUMN_VALUE, TOO_LARGE, and what the app's codec throws
 */
export function encodeSession(key: string, session: object, layout: Layout, columns: Columns): EncodedSession {
  const { fields } = layout;
  const source = plain(session);
  const taken: unknown[] = [];
  const values: unknown[] = [];
  const held: Field[] = [];
  for (const field of fields) {
    const value = pick(field, source) ?? null;
    const copy = value === null ? null : columns.take(field, value);
    const bound = copy === null ? null : columns.bind(field, copy);
    taken.push(copy);
    values.push(bound);
    if (field.owned && bound !== null) held.push(field);
  }
  const json = jsonText(() => (held.length === 0 ? source : without(held, source)));
  refuseLarge(json, layout.maxBytes);
  return {
    text: encodedText(key, json, layout),
    values,
    taken,
    session() {
      const again = JSON.parse(json) as SessionData;
      for (const field of held) again[field.name] = giveValue(field.type, field.args, taken[fields.indexOf(field)]);
      return again;
    },
  };
}

/**
 * Puts a session together again: a fresh, plain, mutable object.
 *
 * Where the column is NULL and the JSON has the key, the JSON counts: it says `null`, or it is from before the column.
 *
 * @throws KssError UNREADABLE_ROW where the text is no JSON of an object
 */
export function decodeSession(row: SessionRow, layout: Layout): SessionData {
  return withRowExpiry(storedSession(row, layout), row.expireAt);
}

/**
 * {@link decodeSession} without the row's expiry in the cookie: the session as it was saved.
 *
 * @throws KssError UNREADABLE_ROW
 */
export function storedSession(row: Omit<SessionRow, 'expireAt'>, layout: Layout): SessionData {
  const session = parseSession(row.key, row.text, layout);
  layout.owned.forEach((field, i) => {
    const value = readValue(row.key, field, row.values[i]);
    if (value !== null) session[field.name] = value;
  });
  for (const field of layout.revived) {
    if (Object.hasOwn(session, field.name)) session[field.name] = revivedValue(field, session[field.name]);
  }
  return session;
}

/** What JSON made text of, as the session had it; what it is not is left as it is. */
function revivedValue({ type }: Field, value: unknown): unknown {
  if (type === 'binary') return bytesOf(value);
  const instant = typeof value === 'string' ? new Date(value) : undefined;
  return instant === undefined || Number.isNaN(instant.getTime()) ? value : instant;
}

/** JSON has bytes as `Buffer.toJSON` writes them. */
export function bytesOf(value: unknown): unknown {
  const { type, data } = (value ?? {}) as { type?: unknown; data?: unknown };
  return type === 'Buffer' && Array.isArray(data) ? Buffer.from(data) : value;
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
 * JSON as it is stored.
 *
 * @throws KssError UNSERIALIZABLE, and what the app's codec throws
 */
export function encodedText(key: string, json: string, { codec }: Pick<Layout, 'codec'>): string {
  if (codec === undefined) return json;
  const text: unknown = codec.encode(json, handleOfKey(key));
  if (typeof text === 'string') return text;
  hush(text);
  throw new KssError(
    'UNSERIALIZABLE',
    `The codec's encode must return a string at once, not ${kindOf(text)}; the stored session was left as it is.`,
  );
}

/**
 * The session in the text of a row.
 *
 * @throws KssError UNREADABLE_ROW, and what the app's codec throws
 */
export function parseSession(key: string, text: string | null, { codec }: Pick<Layout, 'codec'>): SessionData {
  const json = text === null || codec === undefined ? text : decodedText(key, codec.decode(text, handleOfKey(key)));
  const session = parsed(key, json ?? '{}');
  if (typeof session === 'object' && session !== null && !Array.isArray(session)) return session as SessionData;
  throw unreadable(key, 'it holds JSON of no object');
}

function decodedText(key: string, json: unknown): string {
  if (typeof json === 'string') return json;
  hush(json);
  throw new KssError(
    'DECRYPT_FAILED',
    `The session with the handle ${handleOfKey(key)} does not open: the codec's decode must return a string at once, not ` +
      `${kindOf(json)}. It was left as it is.`,
  );
}

function pick(field: Field, source: SessionData): unknown {
  try {
    const value = field.pick(source);
    hush(value);
    return value;
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
  const json = serializable(() => JSON.stringify(make()) as string | undefined);
  if (json?.startsWith('{')) return json;
  throw noObject(); // a toJSON of what a toJSON gave
}

function plain(session: object): SessionData {
  const source = serializable(() => {
    const { toJSON } = session as { toJSON?: unknown };
    const given: unknown = typeof toJSON === 'function' ? toJSON.call(session) : session;
    return typeof given === 'object' && given !== null && !Array.isArray(given) ? (given as SessionData) : undefined;
  });
  if (source !== undefined) return source;
  throw noObject();
}

function noObject(): KssError {
  return new KssError('UNSERIALIZABLE', 'A session must be an object with keys; the stored one was left as it is.');
}

/**
 * A character is at most three bytes of UTF-8, so most sessions need no counting.
 *
 * @throws KssError TOO_LARGE
 */
export function refuseLarge(json: string, maxBytes: number): void {
  if (json.length * 3 <= maxBytes || Buffer.byteLength(json) <= maxBytes) return;
  const biggest = Object.entries(JSON.parse(json) as SessionData)
    .map(([name, value]) => ({ name, bytes: Buffer.byteLength(JSON.stringify(value)) }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, 3)
    .map(({ name, bytes }) => `'${name}' (${bytes} bytes)`);
  throw new KssError(
    'TOO_LARGE',
    `The session has ${Buffer.byteLength(json)} bytes of JSON, and maxSessionBytes is ${maxBytes}; the stored one was left as ` +
      `it is. Its biggest keys are ${biggest.join(', ')}.`,
  );
}

/** What the columns do not hold. `null` stays in the JSON, so that null and absent are told apart. */
function without(held: readonly Field[], source: SessionData): SessionData {
  // A key named `__proto__` is copied as a key like any other. JSON leaves out what is undefined; to delete it takes longer.
  const kept: SessionData = { ...source };
  for (const { name } of held) kept[name] = undefined;
  return kept;
}

/**
 * What is read of a session of the app's.
 *
 * @throws KssError UNSERIALIZABLE
 */
export function serializable<T>(make: () => T): T {
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
