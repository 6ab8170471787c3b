import { createHash } from 'node:crypto';
import { KssError } from './errors.js';
import { kindOf } from './foreign.js';

const DIGEST_PREFIX = 'sha256.';
const PLAIN = /^[\x21-\x7e]+$/; // printable ASCII without the space
const ILL_FORMED = /\p{Surrogate}/u;

/**
 * What the sid column holds for a sid.
 *
 * Printable ASCII that fits the column is kept as it is, so the table can be read. Everything else (spaces, which MySQL's
 * PAD SPACE collations ignore at the end; NUL, which PostgreSQL refuses; 8,000 characters of a cookie that nobody signed)
 * is kept as its SHA-256. So is whatever looks like such a digest: presenting a digest read from the table opens nothing.
 *
 * @param width the characters that the column holds
 * @param hashed whether digests only are kept
 * @throws KssError INVALID_SID for what is no well-formed, non-empty string
 */
export function keyOf(sid: unknown, width: number, hashed = false): string {
  // Most are, and are well-formed for that reason: one look is enough.
  if (!hashed && isPlain(sid, width)) return sid;
  return DIGEST_PREFIX + digest(validSid(sid));
}

/**
 * The key that a sid had before digests only were kept; undefined where it had the same.
 *
 * @throws KssError INVALID_SID
 */
export function plainKeyOf(sid: unknown, width: number): string | undefined {
  const valid = validSid(sid);
  return isPlain(valid, width) ? valid : undefined;
}

/** A pattern of SQL's LIKE for the keys that are digests. */
export const DIGEST_PATTERN = `${DIGEST_PREFIX}%`;

/** A session's public name: base64url SHA-256 of its sid. It tells sessions apart on a page and opens none of them. */
export function handleOf(sid: unknown): string {
  return digest(validSid(sid));
}

/** The handle of the session that a row's key stands for. */
export function handleOfKey(key: string): string {
  return key.startsWith(DIGEST_PREFIX) ? key.slice(DIGEST_PREFIX.length) : digest(key);
}

function isPlain(sid: unknown, width: number): sid is string {
  return typeof sid === 'string' && sid.length <= width && !sid.startsWith(DIGEST_PREFIX) && PLAIN.test(sid);
}

function validSid(sid: unknown): string {
  if (typeof sid !== 'string') {
    throw new KssError('INVALID_SID', `A session id must be a string, not ${kindOf(sid)}; nothing was looked up.`);
  }
  if (sid === '') throw new KssError('INVALID_SID', 'A session id must not be empty; check what makes your ids.');
  if (ILL_FORMED.test(sid)) {
    throw new KssError('INVALID_SID', 'A session id must be well-formed Unicode, and this one has a lone surrogate.');
  }
  return sid;
}

function digest(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('base64url');
}
