/** The last instant that a Date can hold, in epoch milliseconds (ECMA-262, "Time Values and Time Range"). */
export const LAST_INSTANT = 8_640_000_000_000_000;

/**
 * When a session ends, in epoch milliseconds.
 *
 * The first that says something wins: the `maxAge` of the call, the cookie's `maxAge`, the cookie's `expires`, the
 * store's own lifetime. A positive number of milliseconds is a lifetime, a negative one means already over, `Infinity`
 * the last instant of a Date. 0, NaN, `'session'` and everything else say nothing: koa-generic-session sends 0 for a
 * browser-session cookie, koa-session sends `'session'`.
 */
export function expiryOf(maxAge: unknown, cookie: unknown, lifetime: number, now: number): number {
  const { maxAge: cookieMaxAge, expires } = isObject(cookie) ? cookie : {};
  return (
    fromMaxAge(maxAge, now) ?? fromMaxAge(cookieMaxAge, now) ?? instantOf(expires) ?? clamp(now + Math.ceil(lifetime))
  );
}

/** What a Date, a date string or a number of epoch milliseconds means; undefined where it means nothing. */
export function instantOf(value: unknown): number | undefined {
  if (!(value instanceof Date) && typeof value !== 'string' && typeof value !== 'number') return undefined;
  const ms = typeof value === 'number' ? value : new Date(value).getTime();
  return Number.isNaN(ms) ? undefined : clamp(Math.trunc(ms));
}

/**
 * Writes the row's expiry into a session's own cookie, where that cookie has a lifetime.
 *
 * A touch moves the column only, so the stored cookie lags behind. A browser-session cookie (`originalMaxAge: null`)
 * stays as it is.
 */
export function withRowExpiry<S extends { cookie?: unknown }>(session: S, expireAt: number): S {
  const { cookie } = session;
  if (isObject(cookie) && typeof cookie.originalMaxAge === 'number' && typeof cookie.expires === 'string') {
    cookie.expires = new Date(expireAt).toISOString();
  }
  return session;
}

function fromMaxAge(maxAge: unknown, now: number): number | undefined {
  if (typeof maxAge !== 'number' || Number.isNaN(maxAge) || maxAge === 0) return undefined;
  // Rounded away from now: a lifetime of half a millisecond is not over at once.
  return clamp(maxAge > 0 ? now + Math.ceil(maxAge) : now + Math.floor(maxAge));
}

function clamp(ms: number): number {
  return Math.min(Math.max(ms, 0), LAST_INSTANT);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
