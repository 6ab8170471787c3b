import { KnexSessionStore } from '@kss/koa';

export const COOKIE = 'kss.sid';
export const WEEK = 7 * 24 * 60 * 60 * 1000;

/** Sessions in a SQLite file, with columns to find an account's sessions by and to tell its browsers apart. */
export function openSessions(filename: string) {
  return new KnexSessionStore(undefined, {
    filename,
    timestamps: true,
    schemas: [
      { name: 'user_id', type: 'string', args: [100], index: true },
      { name: 'user_agent', type: 'string', args: [255] },
    ],
  });
}

export type Sessions = ReturnType<typeof openSessions>;

/** What the example keeps in a session. */
export interface SessionData {
  user_id?: string;
  user_agent?: string;
  /** What the next page tells the user, once. */
  notice?: string;
  csrf_secret?: string;
}
