import { RedisStore } from 'connect-redis';
import { createClient } from 'redis';
import { type Peer, promised } from '../peer.js';
import { LIFETIME } from '../sessions.js';

const REDIS_URL = process.env.KSS_BENCH_REDIS_URL ?? 'redis://127.0.0.1:6379';

function connect() {
  const client = createClient({ url: REDIS_URL, socket: { connectTimeout: 2000, reconnectStrategy: false } });
  client.on('error', () => {}); // each call that fails says so itself
  return client.connect();
}

/** The version of the server, or why it does not answer. */
export async function redisServer(): Promise<{ version: string } | { absent: string }> {
  try {
    const client = await connect();
    const version = /redis_version:(\S+)/.exec(await client.info('server'))?.[1] ?? 'unknown';
    client.destroy();
    return { version };
  } catch (error) {
    return { absent: `${REDIS_URL} does not answer: ${error instanceof Error ? error.message : error}` };
  }
}

/** It has one connection, over which node-redis pipelines: a pool is not its way. */
export const connectRedis: Peer = {
  name: 'connect-redis',
  package: 'connect-redis',
  kind: 'reference',
  serves: () => true,
  async open(_database, table) {
    const client = await connect();
    const store = new RedisStore({ client, prefix: `${table}:`, ttl: LIFETIME / 1000 });
    await promised<void>((done) => store.clear(done));
    return {
      store,
      async close() {
        await promised<void>((done) => store.clear(done));
        client.destroy();
      },
    };
  },
};
