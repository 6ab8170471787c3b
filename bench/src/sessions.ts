import { createHash } from 'node:crypto';
import session, { type Cookie, type CookieOptions, type SessionData } from 'express-session';

/** What every store of the bench gives a session, through its cookie: a day, in milliseconds. */
export const LIFETIME = 86_400_000;

/** A session as an app keeps it: some 400 bytes of JSON with its cookie. */
export interface AppSession extends SessionData {
  user_id: string;
  name: string;
  email: string;
  roles: string[];
  csrf: string;
  locale: string;
  cart: { sku: string; count: number }[];
  /** Counts the saves, so that a read tells which one it sees. */
  version: number;
}

const digest = (text: string) => createHash('sha256').update(text).digest('base64url');

const sids: string[] = []; // a digest would take a good part of a fast call

/** The id of a session: 32 characters without order, as express-session makes them. */
export function sidOf(index: number): string {
  sids[index] ??= digest(`sid ${index}`).slice(0, 32);
  return sids[index];
}

export function userOf(index: number): string {
  return `user-${index}`;
}

/** The session of that number, after so many saves. */
export function contentOf(index: number, version: number): Omit<AppSession, 'cookie'> {
  return {
    user_id: userOf(index),
    name: 'Ada Lovelace, Countess',
    email: 'ada.lovelace@example.org',
    roles: ['reader', 'editor', 'billing'],
    csrf: 'tGzv3JOkF0XG5Qx2TlKWIA9bR7uYhVd8cN1mSoEpZjM',
    locale: 'en-GB',
    cart: [
      { sku: `sku-${1000 + (index % 1000)}`, count: 1 },
      { sku: `sku-${2000 + (index % 1000)}`, count: 2 },
    ],
    version,
  };
}

// Its declaration forgets that the constructor takes options.
const NewCookie = session.Cookie as unknown as new (options: CookieOptions) => Cookie;

/** A cookie whose lifetime begins now, as express-session starts it anew in every request. */
export function freshCookie(): Cookie {
  const cookie = new NewCookie({ maxAge: LIFETIME, httpOnly: true, sameSite: 'lax' });
  cookie.originalMaxAge = LIFETIME; // express-session reads it back from a clock that may have moved
  return cookie;
}
