/** What went wrong, for a program; the message says it for a person. */
export type KssErrorCode =
  | 'INVALID_OPTION'
  | 'INVALID_SID'
  | 'UNSERIALIZABLE'
  | 'COLUMN_VALUE'
  | 'EMPTY_CRITERIA'
  | 'TABLE_MISMATCH'
  | 'SYNC_TIMEOUT'
  | 'TIMEOUT'
  | 'DATABASE'
  | 'CONFLICT'
  | 'CLOSED'
  | 'OVERLOADED'
  | 'TOO_LARGE'
  | 'DECRYPT_FAILED'
  | 'UNREADABLE_ROW'
  | 'DRIVER_MISSING'
  | 'UNSUPPORTED_DATABASE';

// Known to every copy of this library. The class is not (the ESM and the CommonJS build each have their own), and the name
// does not last: koa-generic-session rewrites it.
const BRAND = Symbol.for('@kss/error');

/**
 * The one error class of this library.
 *
 * `code` is stable and meant for programs, `message` says what to do, `cause` holds what the driver said. Driver errors
 * never reach a framework as they are: express-session reads an `ENOENT` of a dead socket as "no such session".
 */
export class KssError extends Error {
  override readonly name = 'KssError';
  readonly code: KssErrorCode;

  constructor(code: KssErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

Object.defineProperty(KssError.prototype, BRAND, { value: true });

/**
 * Whether a value is a {@link KssError}, with one code if you name it. It knows those of other copies of this library, too.
 *
 * @example
 * if (isKssError(error, 'TIMEOUT')) retryLater();
 */
export function isKssError(error: unknown, code?: KssErrorCode): error is KssError {
  const branded = error instanceof Error && (error as { [BRAND]?: unknown })[BRAND] === true;
  return branded && (code === undefined || (error as KssError).code === code);
}

/** The same error in another object: a framework may write into the one that it is given. */
export function anotherOf(error: unknown): unknown {
  return isKssError(error) ? new KssError(error.code, error.message, { cause: error.cause }) : error;
}
