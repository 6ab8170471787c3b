import { inspect } from 'node:util';
import { isKssError, type KssErrorCode } from '@kss/core';

const CODES: Readonly<Record<KssErrorCode, true>> = {
  INVALID_OPTION: true,
  INVALID_SID: true,
  UNSERIALIZABLE: true,
  COLUMN_VALUE: true,
  EMPTY_CRITERIA: true,
  TABLE_MISMATCH: true,
  SYNC_TIMEOUT: true,
  TIMEOUT: true,
  DATABASE: true,
  CONFLICT: true,
  CLOSED: true,
  OVERLOADED: true,
  TOO_LARGE: true,
  DECRYPT_FAILED: true,
  UNREADABLE_ROW: true,
  DRIVER_MISSING: true,
  UNSUPPORTED_DATABASE: true,
};

/** How a call ended: with a value, or refused by an error of the store's. */
export type Answer<T> = { readonly value: T } | { readonly refused: KssErrorCode };

/**
 * Calls a verb.
 *
 * @param secret what no error may say, such as a sid
 * @param allowed the codes that the call may be refused with
 * @throws Error where the verb throws at once, or rejects with what is no error of the store's
 */
export async function answer<T>(
  call: () => Promise<T>,
  { secret, allowed }: { readonly secret?: unknown; readonly allowed?: readonly KssErrorCode[] } = {},
): Promise<Answer<T>> {
  let promise: Promise<T>;
  try {
    promise = call();
  } catch (cause) {
    throw new Error(`A verb threw instead of rejecting: ${String((cause as Error)?.stack)}`);
  }
  try {
    return { value: await promise };
  } catch (error) {
    return { refused: codeOf(error, secret, allowed) };
  }
}

/** {@link answer} for what throws. */
export function thrown<T>(make: () => T, allowed: readonly KssErrorCode[]): Answer<T> {
  try {
    return { value: make() };
  } catch (error) {
    return { refused: codeOf(error, undefined, allowed) };
  }
}

/** The value of an answer; a refusal is an error. */
export function valueIn<T>(given: Answer<T>): T {
  if ('value' in given) return given.value;
  throw new Error(`It was refused with ${given.refused}.`);
}

function codeOf(error: unknown, secret: unknown, allowed: readonly KssErrorCode[] | undefined): KssErrorCode {
  if (!isKssError(error) || CODES[error.code] !== true) {
    throw new Error(`It failed with what is no error of the store's: ${(error as Error)?.stack ?? String(error)}`);
  }
  // A short one may be a part of any word.
  if (typeof secret === 'string' && secret.length >= 12 && inspect(error, { depth: 9 }).includes(secret)) {
    throw new Error(`The error says what it must not: ${error.code}`);
  }
  if (allowed !== undefined && !allowed.includes(error.code)) {
    throw new Error(`It was refused with ${error.code}: ${error.message}`, { cause: error });
  }
  return error.code;
}
