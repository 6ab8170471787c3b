import createKnex, { type Knex } from 'knex';
import { databasesScript, portsIn } from './databases-script.js';
import { SILENT } from './silent.js';

/** A node's number, from 1 on. */
export type Node = 1 | 2 | 3;

/** The three nodes that scripts/databases starts. */
export interface Galera {
  /** Where node 1, 2 and 3 take SQL. */
  readonly ports: readonly number[];
  /** SIGKILL. */
  kill(node: Node): Promise<void>;
  /** SIGSTOP: its connections stay open, and nothing answers. */
  freeze(node: Node): Promise<void>;
  thaw(node: Node): Promise<void>;
  /** Starts a node that was killed; resolves when it has all that the others have. */
  rejoin(node: Node): Promise<void>;
  stop(): Promise<void>;
}

export async function startGalera(): Promise<Galera> {
  const ports = portsIn(await databasesScript('galera', 'start'), 'KSS_TEST_GALERA_URLS');
  const verb = (name: string) => async (node: Node) => {
    await databasesScript('galera', name, String(node));
  };
  return {
    ports,
    kill: verb('kill'),
    freeze: verb('freeze'),
    thaw: verb('thaw'),
    rejoin: verb('rejoin'),
    async stop() {
      await databasesScript('galera', 'stop');
    },
  };
}

/**
 * Which statements wait until the node has applied what the cluster had committed when they came, as a sum: 1 reads, 2 updates
 * and deletes, 4 inserts (mariadb.com/kb, "Galera Cluster System Variables", `wsrep_sync_wait`).
 */
export type SyncWait = 0 | 1 | 3 | 7;

/** An app's pool on a node or a balancer; `say` is a statement for each new connection. */
export function openNode(port: number, syncWait: SyncWait, say?: string, pool: Knex.PoolConfig = {}): Knex {
  return createKnex({
    client: 'mysql2',
    log: SILENT,
    connection: { host: '127.0.0.1', port, user: 'root', database: 'test' },
    pool: { min: 0, max: 10, afterCreate: saying(`set session wsrep_sync_wait = ${syncWait}`, say), ...pool },
  });
}

/** What a pool says to each new connection. */
export function saying(...statements: readonly (string | undefined)[]) {
  return (connection: Connection, done: (error: unknown, connection: unknown) => void) => {
    const [statement, ...rest] = statements.filter((one) => one !== undefined);
    if (statement === undefined) done(null, connection);
    else connection.query(statement, (error) => (error ? done(error, connection) : saying(...rest)(connection, done)));
  };
}

interface Connection {
  query(sql: string, done: (error: unknown) => void): void;
}

/** A status variable of a node. */
export async function statusOf(node: Knex, name: string): Promise<string> {
  const [rows] = await node.raw('show global status like ?', [name]);
  return String((rows as { Value: string }[])[0]?.Value);
}
