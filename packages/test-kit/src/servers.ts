import createKnex from 'knex';
import type { DatabaseName, TestDatabase } from './database.js';
import type { CompiledDriver } from './drivers.js';

/** A server that the environment names, and how knex opens it. */
export interface ServerEntry {
  readonly name: DatabaseName;
  /** The name without this. */
  readonly label?: string;
  readonly client: string | CompiledDriver;
  /** Where it listens if the URL does not say. */
  readonly port: number;
  /** The statement that puts a session on a wall clock other than UTC's. */
  readonly zone?: string;
  /** What the driver wants of its connection besides what the URL says. */
  readonly settings?: object;
}

interface Connection {
  query?(sql: string, done: (error: unknown) => void): void;
  /** Oracle's word for it. */
  execute?(sql: string, done: (error: unknown) => void): void;
}

/** A server by the URL in its variable, `KSS_TEST_POSTGRES_URL` and so on. */
export function serverDatabase({ name, label = name, client, port: usual, zone, settings }: ServerEntry): TestDatabase {
  const variable = `KSS_TEST_${name.toUpperCase()}_URL`;
  const given = process.env[variable];
  const url = given === undefined || given === '' ? undefined : new URL(given);
  const listens = Number(url?.port || usual);
  const withoutDriver = typeof client === 'string' ? undefined : client.absent;
  return {
    name,
    label,
    absent: url === undefined ? `${variable} is not set (${WHERE[name] ?? 'compose.yaml has it'})` : withoutDriver,
    server: url && { host: url.hostname, port: listens },
    open({ port = listens, pool, acquireConnectionTimeout } = {}) {
      if (url === undefined) throw new Error(`${variable} is not set.`);
      return createKnex({
        client: typeof client === 'string' ? client : client.client(),
        connection: {
          host: url.hostname,
          port,
          user: decodeURIComponent(url.username),
          password: decodeURIComponent(url.password),
          database: decodeURIComponent(url.pathname.slice(1)),
          ...settings,
        },
        pool: { min: 0, max: 10, ...(zone !== undefined && { afterCreate: say(zone) }), ...pool },
        ...(acquireConnectionTimeout !== undefined && { acquireConnectionTimeout }),
      });
    },
  };
}

const WHERE: Readonly<Partial<Record<DatabaseName, string>>> = {
  postgres: 'scripts/databases prints it',
  mariadb: 'scripts/databases prints it',
  mysql: 'scripts/databases prints it',
};

/** What a pool does with each new connection. */
function say(statement: string) {
  return (connection: Connection, done: (error: unknown, connection: unknown) => void) => {
    const run = connection.execute !== undefined && connection.query === undefined ? 'execute' : 'query';
    connection[run]?.(statement, (error) => done(error, connection));
  };
}
