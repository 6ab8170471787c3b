import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createApi, openSessions } from './api.js';

const { PORT, SESSIONS_FILE } = process.env;

const sessions = openSessions(SESSIONS_FILE || fileURLToPath(new URL('../sessions.sqlite', import.meta.url)));
const server = createServer(createApi(sessions)).listen(Number(PORT ?? 3000), 'localhost');
await once(server, 'listening');
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
console.log(`KSS counts visits on http://localhost:${(server.address() as AddressInfo).port}`);

async function stop(): Promise<void> {
  server.close();
  setTimeout(() => server.closeAllConnections(), 3000).unref(); // those on which nothing was asked yet
  await once(server, 'close');
  await sessions.close();
}
