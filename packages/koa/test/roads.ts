import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProxy, type TcpProxy } from '@kss/test-kit';
import createKnex, { type Knex } from 'knex';
import { onTestFinished } from 'vitest';
import type { Stack } from './stacks.js';

/** A knex, and the way to its server, which can be cut off. */
export interface Road {
  readonly knex: Knex;
  readonly proxy: TcpProxy;
}

const POOL = { min: 0, max: 4 };
const SILENT = { warn: () => {}, error: () => {}, deprecate: () => {}, debug: () => {} };

/** Over TCP; where the proxy is stopped, connections are refused. */
export async function tcpRoad({ database }: Stack, open = true): Promise<Road> {
  if (database.server === undefined) throw new Error(`There is no server of ${database.name}.`);
  const proxy = await startProxy(database.server, open);
  const knex = await changed(database.open({ port: proxy.port, pool: POOL }), {});
  onTestFinished(async () => {
    await knex.destroy();
    await proxy.stop();
  });
  return { knex, proxy };
}

/** Over a unix socket that is not there. */
export async function deadEnd({ database }: Stack): Promise<Knex> {
  const folder = join(tmpdir(), `kss-${randomUUID()}`);
  const knex = await changed(
    database.open({ pool: POOL }),
    database.name === 'postgres' ? { host: folder } : { socketPath: join(folder, 'mysqld.sock') },
  );
  onTestFinished(() => knex.destroy());
  return knex;
}

/** A knex like another, connected in another way; what it logs of outages is no news here. */
async function changed(other: Knex, connection: object): Promise<Knex> {
  const config = other.client.config as Knex.Config;
  await other.destroy();
  return createKnex({ ...config, log: SILENT, connection: { ...(config.connection as object), ...connection } });
}
