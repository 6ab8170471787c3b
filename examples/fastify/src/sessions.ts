import { KnexSessionStore } from '@kss/fastify';

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

declare module 'fastify' {
  interface Session {
    user_id?: string;
    user_agent?: string;
    /** What the next page tells the user, once. */
    notice?: string;
    /** What @fastify/csrf-protection checks tokens by. */
    _csrf?: string;
  }
}
