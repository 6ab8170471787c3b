import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import createKnex, { type Knex } from 'knex';
import { databasesScript, portsIn } from './databases-script.js';
import { SILENT } from './silent.js';

/** A server's number: at first, 1 is the primary and 2 its replica. */
export type Server = 1 | 2;

/** The primary and its replica that scripts/databases starts. */
export interface Pair {
  readonly ports: readonly [number, number];
  /** SIGKILL, with all its processes at once. */
  kill(server: Server): Promise<void>;
  /** Makes a replica the primary; resolves when it takes writes. */
  promote(server: Server): Promise<void>;
  /** Makes a server anew, as the other one's replica; resolves when it streams. */
  rejoin(server: Server): Promise<void>;
  /** Holds back what the other server sends to this one, its replica. */
  freeze(server: Server): Promise<void>;
  thaw(server: Server): Promise<void>;
  /** Starts a pooler before server 1, which lends two connections for one transaction each. @returns its port */
  pooler(): Promise<number>;
  /** What a server has written into its log. */
  log(server: Server): Promise<string>;
  stop(): Promise<void>;
}

/** A new pair, whatever became of the one before. */
export async function startPair(): Promise<Pair> {
  await databasesScript('replica', 'stop');
  const [first = 0, second = 0] = portsIn(await databasesScript('replica', 'start'), 'KSS_TEST_REPLICA_URLS');
  const verb = (name: string) => async (server: Server) => {
    await databasesScript('replica', name, String(server));
  };
  return {
    ports: [first, second],
    kill: verb('kill'),
    promote: verb('promote'),
    rejoin: verb('rejoin'),
    freeze: verb('freeze'),
    thaw: verb('thaw'),
    async pooler() {
      return portsIn(await databasesScript('replica', 'pooler'), 'KSS_TEST_POOLER_URL')[0] as number;
    },
    log: (server) =>
      readFile(fileURLToPath(new URL(`../../.databases/replica/${server}.log`, import.meta.url)), 'utf8'),
    async stop() {
      await databasesScript('replica', 'stop');
    },
  };
}

/** An app's pool on a server or a balancer. */
export function openServer(port: number, pool: Knex.PoolConfig = {}): Knex {
  return createKnex({
    client: 'pg',
    log: SILENT,
    connection: { host: '127.0.0.1', port, user: 'postgres', database: 'postgres' },
    pool: { min: 0, max: 10, ...pool },
  });
}

/**
 * Whether a commit waits until the replica has it on its disk, on new transactions of every connection. Resolves when it is so.
 */
export async function setSynchronous(primary: Knex, synchronous: boolean): Promise<void> {
  await primary.raw(`alter system set synchronous_standby_names = '${synchronous ? '*' : ''}'`);
  await primary.raw('select pg_reload_conf()');
  const wanted = synchronous ? 'sync' : 'async';
  for (;;) {
    const { rows } = await primary.raw('select sync_state as state from pg_stat_replication');
    if ((rows as { state: string }[])[0]?.state === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Has a server write each statement into its log, with its values, the backend's process, the time and how long it took. */
export async function logStatements(server: Knex): Promise<void> {
  for (const setting of ["log_line_prefix = '%m [%p] %x '", 'log_min_duration_statement = 0'])
    await server.raw(`alter system set ${setting}`);
  await server.raw('select pg_reload_conf()');
}
