import { createRequire } from 'node:module';
import type { Knex } from 'knex';
import { KssError } from './errors.js';

const DRIVER = 'better-sqlite3';
const require = createRequire(import.meta.url);

interface Database {
  pragma(statement: string): unknown;
  close(): void;
}

/**
 * A knex of our own over a SQLite file, for apps that bring none.
 *
 * In WAL mode readers and the writer do not block each other (sqlite.org/wal.html); `synchronous = NORMAL` keeps every
 * commit through a crash of the process, and can lose the last ones when the machine itself loses power.
 *
 * @throws KssError DRIVER_MISSING naming the command that installs what is missing
 */
export function embeddedKnex(filename: string): Knex {
  try {
    const { knex } = require('knex') as { knex: (config: Knex.Config) => Knex };
    // A driver that was installed and not compiled loads, and fails at the first database.
    const Driver = require(DRIVER) as new (path: string) => Database;
    new Driver(':memory:').close();
    const made = knex({
      client: DRIVER,
      connection: { filename },
      useNullAsDefault: true,
      pool: { min: 0, max: 1, afterCreate: configure },
    });
    // The pool looks for idle connections by a timer that would keep a process alive that is done.
    const pool = made.client.pool as {
      on(event: 'startReaping', heard: () => void): void;
      interval?: NodeJS.Timeout | null;
    };
    pool.on('startReaping', () => process.nextTick(() => pool.interval?.unref()));
    return made;
  } catch (cause) {
    throw new KssError(
      'DRIVER_MISSING',
      `Without a knex of yours, sessions are kept in a SQLite file, which needs a driver: npm install knex ${DRIVER}. ` +
        'Or pass your knex: new KnexSessionStore(knex).',
      { cause },
    );
  }
}

function configure(connection: Database, done: (error: Error | null, connection: Database) => void): void {
  // Waiting for another process's lock blocks this one's event loop, so it is kept short and tried again.
  connection.pragma('busy_timeout = 1000');
  connection.pragma('journal_mode = WAL');
  connection.pragma('synchronous = NORMAL');
  done(null, connection);
}
