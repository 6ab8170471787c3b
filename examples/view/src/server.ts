import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What signs the session cookies: SESSION_SECRET of the environment, or a random one, which is said. */
export function sessionSecret(): string {
  const { SESSION_SECRET } = process.env;
  if (SESSION_SECRET) return SESSION_SECRET;
  console.warn('SESSION_SECRET is not set: with a random one, everyone is signed out at a restart.');
  return randomBytes(32).toString('base64url');
}

/**
 * Listens on PORT of the environment, or on any port where that is taken, and prints the address.
 *
 * At SIGINT and SIGTERM, requests under way are answered first; then `close` ends what else keeps the process alive.
 */
export async function serve(server: Server, close: () => Promise<unknown>): Promise<void> {
  try {
    await listen(server, Number(process.env.PORT ?? 3000));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    await listen(server, 0);
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop(server).then(close));
  console.log(`KSS demo on http://localhost:${(server.address() as AddressInfo).port}`);
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, process.env.HOST ?? 'localhost'); // anyone may sign in as anyone, so it is not for the network
  await once(server, 'listening');
}

async function stop(server: Server): Promise<void> {
  server.close();
  // A browser keeps connections in reserve on which it has asked nothing yet; they do not close by themselves.
  setTimeout(() => server.closeAllConnections(), 3000).unref();
  await once(server, 'close');
}
