/** The `code` of a driver's error, whatever its type. */
export function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null | undefined)?.code ?? '');
}

const BROKEN_CODES = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  'ETIMEDOUT',
  'ENOTCONN',
  'EHOSTUNREACH',
  'ENETRESET',
]);
const BROKEN_MESSAGE =
  /connection (terminated|lost|ended|reset|is closed|was closed)|server closed the connection|closed state|not queryable|socket has been ended/i;

/** Whether an established connection broke, as sockets and drivers say it. */
export function connectionBroke(error: unknown): boolean {
  return BROKEN_CODES.has(codeOf(error)) || (error instanceof Error && BROKEN_MESSAGE.test(error.message));
}
