import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createApp } from './app.js';
import { openSessions } from './sessions.js';

const { SESSION_SECRET, SESSIONS_FILE, PROXIES, PORT, HOST } = process.env;

if (!SESSION_SECRET) console.warn('SESSION_SECRET is not set: with a random one, everyone is signed out at a restart.');
const secret = SESSION_SECRET || randomBytes(32).toString('base64url');

const sessions = openSessions(SESSIONS_FILE || fileURLToPath(new URL('../sessions.sqlite', import.meta.url)));
const server = createServer(createApp(sessions, { secret, proxies: Number(PROXIES ?? 0) }));

try {
  await listen(Number(PORT ?? 3000));
} catch (error) {
  if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
  await listen(0); // any port that is free
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
console.log(`KSS demo on http://localhost:${(server.address() as AddressInfo).port}`);

async function listen(port: number): Promise<void> {
  server.listen(port, HOST ?? 'localhost'); // anyone may sign in as anyone, so it is not for the network
  await once(server, 'listening');
}

/** Requests under way are answered first; then nothing keeps the process alive. */
async function stop(): Promise<void> {
  server.close();
  // A browser keeps connections in reserve on which it has asked nothing yet; they do not close by themselves.
  setTimeout(() => server.closeAllConnections(), 3000).unref();
  await once(server, 'close');
  await sessions.close();
}
