import type { DatabaseName } from '@kss/test-kit';
import type { Knex } from 'knex';

interface Connection {
  query(sql: string, done: (error: unknown) => void): void;
}

/**
 * Connections that look for a deadlock that late, where the server leaves that to who waits: the side that looks first loses it,
 * so a test in which two sides meet says which one that shall be.
 */
export function lookingAfter(time: string, name: DatabaseName): NonNullable<Knex.PoolConfig['afterCreate']> {
  return (connection: Connection, done: (error: unknown, connection: Connection) => void) =>
    connection.query(name === 'postgres' ? `set deadlock_timeout = '${time}'` : 'select 1', (error) =>
      done(error, connection),
    );
}
