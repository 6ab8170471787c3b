import type { Peer } from '../peer.js';
import { connectPgSimpleStore } from './connect-pg-simple.js';
import { connectRedis } from './connect-redis.js';
import { connectSessionKnex } from './connect-session-knex.js';
import { expressMysqlSession } from './express-mysql-session.js';
import { memoryStore } from './memory-store.js';
import { ours } from './ours.js';

/** Who takes part. A new one is one more file. */
export const PEERS: readonly Peer[] = [
  ours,
  connectSessionKnex,
  connectPgSimpleStore,
  expressMysqlSession,
  connectRedis,
  memoryStore,
];
