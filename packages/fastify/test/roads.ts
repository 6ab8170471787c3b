import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProxy, type TcpProxy } from '@kss/test-kit';
import createKnex, { type Knex } from 'knex';
import { onTestFinished } from 'vitest';
import type { Stack } from './stacks.js';

/** A knex that reaches its server through a proxy. */
export async function throughProxy(
  { database }: Stack,
  listening = true,
): Promise<{ readonly proxy: TcpProxy; readonly knex: Knex }> {
  if (database.server === undefined) throw new Error(`${database.name} has no server.`);
  const proxy = await startProxy(database.server, listening);
  const knex = quiet(database.open({ port: proxy.port, pool: { min: 0, max: 4 } }));
  onTestFinished(async () => {
    await knex.destroy();
    await proxy.stop();
  });
  return { proxy, knex };
}

/** A knex whose server listens on a unix socket that is not there, as when it is stopped. */
export function noSuchSocket(stack: Stack): Knex {
  const folder = join(tmpdir(), `kss-fastify-${randomUUID()}`);
  const given = stack.knex().client.config as Knex.Config;
  const socket = stack.database.name === 'postgres' ? { host: folder } : { socketPath: join(folder, 'socket') };
  const knex = quiet(createKnex({ ...given, connection: { ...(given.connection as object), ...socket } }));
  onTestFinished(() => knex.destroy());
  return knex;
}

/** knex writes every connection that it cannot have to the console. */
function quiet(knex: Knex): Knex {
  const say = () => {};
  knex.client.logger = { warn: say, error: say, debug: say, deprecate: say };
  return knex;
}
