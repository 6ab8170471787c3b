import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProxy, type TcpProxy } from '@kss/test-kit';
import createKnex, { type Knex } from 'knex';
import { onTestFinished } from 'vitest';
import type { Stack } from './stacks.js';

/** A way to a database server that can end and begin again. */
export interface Road {
  readonly knex: Knex;
  /** Breaks what is connected, and refuses what would. */
  down(): Promise<void>;
  up(): Promise<void>;
}

const POOL = { min: 0, max: 4 };

/** Over TCP; a road that is down refuses with ECONNREFUSED. It can also be there and carry nothing back. */
export async function tcpRoad({ database }: Stack, open = true): Promise<Road & { readonly proxy: TcpProxy }> {
  if (database.server === undefined) throw new Error(`There is no server of ${database.name}.`);
  const proxy = await startProxy(database.server, open);
  const knex = await knexWith(database.open({ port: proxy.port, pool: POOL }));
  onTestFinished(async () => {
    await knex.destroy();
    await proxy.stop();
  });
  return { knex, proxy, down: () => proxy.stop(), up: () => proxy.start() };
}

/** Over a unix socket; one that is down is no file any more, and refuses with ENOENT. */
export async function socketRoad({ database }: Stack): Promise<Road> {
  if (database.server === undefined) throw new Error(`There is no server of ${database.name}.`);
  const folder = await mkdtemp(join(tmpdir(), 'kss-'));
  const path = join(folder, '.s.PGSQL.5432'); // the name that PostgreSQL clients look for
  const bySocket = database.name === 'postgres' ? { host: folder, port: 5432 } : { socketPath: path };
  const knex = await knexWith(database.open({ pool: POOL }), bySocket);
  const { port, host } = database.server;
  let server: Server | undefined;
  const sockets = new Set<Socket>();

  const up = async () => {
    server = createServer((client) => {
      const upstream = connect(port, host);
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(socket);
        socket.on('error', () => socket.destroy());
        socket.on('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    }).listen(path);
    await once(server, 'listening');
  };
  const down = async () => {
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close(); // which removes the file
    server = undefined;
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  onTestFinished(async () => {
    await knex.destroy();
    await down();
    await rm(folder, { recursive: true });
  });
  await up();
  return { knex, down, up };
}

const SILENT = { warn: () => {}, error: () => {}, deprecate: () => {}, debug: () => {} };

/** A knex like another, connected in another way; what it logs of the outage is no news here. */
async function knexWith(other: Knex, connection: object = {}): Promise<Knex> {
  const config = other.client.config as Knex.Config;
  await other.destroy();
  return createKnex({ ...config, log: SILENT, connection: { ...(config.connection as object), ...connection } });
}
