import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppOptions, createApp } from '../src/app.js';
import { openSessions, type Sessions } from '../src/sessions.js';

export interface RunningApp {
  readonly url: string;
  readonly core: Sessions;
  stop(): Promise<void>;
}

/** The app over real HTTP, on a SQLite file of its own. */
export async function startApp(options: Partial<AppOptions> = {}): Promise<RunningApp> {
  const folder = await mkdtemp(join(tmpdir(), 'kss-express-'));
  const core = openSessions(join(folder, 'sessions.sqlite'));
  const server = createServer(createApp(core, { secret: 'only for this test', ...options })).listen(0, '127.0.0.1');
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
