import createKnex, { type Knex } from 'knex';
import { databasesScript, portsIn } from './databases-script.js';
import { saying } from './galera.js';
import { SILENT } from './silent.js';

/** A server's number, from 1 on; 1 is the primary at first. */
export type Member = 1 | 2 | 3;

/** The three servers that scripts/databases starts. */
export interface Group {
  readonly ports: readonly number[];
  /** SIGKILL. */
  kill(member: Member): Promise<void>;
  /** Starts a server that was killed; resolves when it has all that the others have. */
  rejoin(member: Member): Promise<void>;
  /** Lets every server take writes. */
  multiply(): Promise<void>;
  stop(): Promise<void>;
}

/** A new group, whatever became of the one before. */
export async function startGroup(): Promise<Group> {
  await databasesScript('group', 'stop');
  const ports = portsIn(await databasesScript('group', 'start'), 'KSS_TEST_GROUP_URLS');
  return {
    ports,
    async kill(member) {
      await databasesScript('group', 'kill', String(member));
    },
    async rejoin(member) {
      await databasesScript('group', 'rejoin', String(member));
    },
    async multiply() {
      await databasesScript('group', 'multiply', '1');
    },
    async stop() {
      await databasesScript('group', 'stop');
    },
  };
}

/** An app's pool on a server or a balancer; `say` is for each new connection. */
export function openMember(port: number, say?: string, pool: Knex.PoolConfig = {}): Knex {
  return createKnex({
    client: 'mysql2',
    log: SILENT,
    connection: { host: '127.0.0.1', port, user: 'root', database: 'test' },
    pool: { min: 0, max: 10, afterCreate: saying(say), ...pool },
  });
}

/** Where the primary takes SQL, as the servers see it that answer; undefined while there is none. */
export async function primaryOf(group: Group): Promise<number | undefined> {
  for (const port of group.ports) {
    const member = openMember(port, undefined, { max: 1 });
    try {
      const [rows] = await member.raw(
        'select member_port as port from performance_schema.replication_group_members ' +
          "where member_role = 'PRIMARY' and member_state = 'ONLINE' " +
          "and (select member_state from performance_schema.replication_group_members where member_id = @@server_uuid) = 'ONLINE'",
      );
      const [row] = rows as { port: number }[];
      if (row !== undefined) return Number(row.port);
    } catch {
      // It is the one that was killed.
    } finally {
      await member.destroy();
    }
  }
  return undefined;
}
