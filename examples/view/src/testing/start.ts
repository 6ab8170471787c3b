import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An example, as the suites take it. */
export interface TestedApp {
  start(options?: StartOptions): Promise<RunningApp>;
  /** The sid as the store knows it, from the value of the session cookie. */
  sidIn(cookie: string): string;
}

export interface StartOptions {
  /** How many proxies stand before the app. */
  readonly proxies?: number;
}

/** An example over real HTTP. */
export interface RunningApp {
  readonly url: string;
  readonly core: Sessions;
  stop(): Promise<void>;
}

/** What the suites ask of an example's sessions. */
interface Sessions {
  get(sid: string): Promise<object | null>;
  count(where: ByUser | 'all'): Promise<number>;
  find(
    where: ByUser,
    options?: { readonly current?: string },
  ): Promise<readonly { handle: string; current: boolean }[]>;
  repo(): { where(row: { readonly sid: string }): { update(values: object): PromiseLike<unknown> } };
  close(): Promise<void>;
}

interface ByUser {
  readonly user_id: string;
}

/** Starts a server on loopback, over sessions in a new SQLite file. */
export async function startOn<S extends Sessions>(
  openSessions: (filename: string) => S,
  createServer: (sessions: S) => Server | Promise<Server>,
): Promise<RunningApp> {
  const folder = await mkdtemp(join(tmpdir(), 'kss-example-'));
  const core = openSessions(join(folder, 'sessions.sqlite'));
  const server = (await createServer(core)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    core,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await core.close();
      await rm(folder, { recursive: true });
    },
  };
}
