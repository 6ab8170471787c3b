import { LAST_INSTANT } from './expiry.js';
import type { SessionData } from './types.js';

// As the package `cookie`, by which Express and Fastify write the header: what does not match, it throws at.
const PATH = /^[\x20-\x3a\x3d-\x7e]*$/;
const DOMAIN = /^\.?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/** What a cookie's attributes can be. */
const USABLE: Readonly<Record<string, (value: unknown) => boolean>> = {
  originalMaxAge: isLifetime,
  maxAge: isLifetime,
  expires: isInstant,
  originalExpires: isInstant,
  path: (value) => typeof value === 'string' && PATH.test(value),
  domain: (value) => typeof value === 'string' && DOMAIN.test(value),
  sameSite: (value) => typeof value === 'boolean' || /^(lax|strict|none)$/i.test(String(value)),
  priority: (value) => /^(low|medium|high)$/i.test(String(value)),
  secure: (value) => typeof value === 'boolean' || value === 'auto',
  httpOnly: (value) => typeof value === 'boolean',
  partitioned: (value) => typeof value === 'boolean',
};

/**
 * Takes from a session what would throw inside of a framework, where nobody catches it and the process ends: attributes of
 * its cookie that are none, as another program may have written them, and a key `__proto__`, which would be assigned.
 *
 * @returns the same object
 */
export function withUsableCookie(session: SessionData): SessionData {
  if (Object.hasOwn(session, '__proto__')) Reflect.deleteProperty(session, '__proto__');
  const { cookie } = session;
  if (typeof cookie !== 'object' || cookie === null || Array.isArray(cookie)) {
    delete session.cookie;
    return session;
  }
  for (const [name, value] of Object.entries(cookie)) {
    const usable = Object.hasOwn(USABLE, name) && (value === null || USABLE[name]?.(value));
    if (!usable) Reflect.deleteProperty(cookie, name);
  }
  return session;
}

/** Express makes `false` of it where the cookie's `expires` is. */
function isLifetime(value: unknown): boolean {
  return value === false || (typeof value === 'number' && Math.abs(Date.now() + value) <= LAST_INSTANT);
}

/** Text, as JSON has dates. `false` is a cookie of the browser's session. */
function isInstant(value: unknown): boolean {
  return value === false || (typeof value === 'string' && !Number.isNaN(Date.parse(value)));
}
