import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export const SECRET = 'a secret of at least thirty-two characters';

/** Milliseconds that a session lives. */
export const LIFE = 600_000;

/** An app with one page, `/`, that tells the user of its session, and another, `/in/:user`, that signs one in. */
export interface App {
  readonly port: number;
  /** What the framework puts before the sid of a cookie, to store the session. */
  readonly prefix: string;
  /** The Cookie header of a sid, signed as the app's framework does. */
  cookieOf(sid: string): string;
  close(): Promise<void>;
}

type Visit = { readonly user?: unknown };
export const page = (session: object | null | undefined) => ({ user: (session as Visit | undefined)?.user ?? null });
export const userIn = (url: string | undefined) => /^\/in\/(\w+)$/.exec(url ?? '')?.[1];

export async function listening(server: Server): Promise<Pick<App, 'port' | 'close'>> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
