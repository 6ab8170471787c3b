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
  | 'UNREADABLE_ROW'
  | 'DRIVER_MISSING'
  | 'UNSUPPORTED_DATABASE';

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

/**
 * Whether a value is a {@link KssError}, with one code if you name it.
 *
 * It looks at the name and never at the class: the ESM and the CommonJS build each have a class of their own.
 *
 * @example
 * if (isKssError(error, 'TIMEOUT')) retryLater();
 */
export function isKssError(error: unknown, code?: KssErrorCode): error is KssError {
  return (
    error instanceof Error &&
    error.name === 'KssError' &&
    typeof (error as { code?: unknown }).code === 'string' &&
    (code === undefined || (error as KssError).code === code)
  );
}
