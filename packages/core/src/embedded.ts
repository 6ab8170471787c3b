import { createRequire } from 'node:module';
import type { Knex } from 'knex';
import { KssError } from './errors.js';
import { sqliteClient } from './node-sqlite.js';

const DRIVER = 'better-sqlite3';
const require = createRequire(import.meta.url);

interface Database {
  exec(sql: string): unknown;
  close(): void;
}

/**
 * A knex of our own over a SQLite file, for apps that bring none: through better-sqlite3 where it works, else through Node.
 *
 * In WAL mode readers and the writer do not block each other (sqlite.org/wal.html); `synchronous = NORMAL` keeps every
 * commit through a crash of the process, and can lose the last ones when the machine itself loses power.
 *
 * @throws KssError DRIVER_MISSING naming the ways to what is missing
 */
export function embeddedKnex(filename: string): Knex {
  try {
    const { knex } = require('knex') as { knex: (config: Knex.Config) => Knex };
    const made = knex({
      client: availableClient(),
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
      `Without a knex of yours, sessions are kept in a SQLite file, which needs a driver: npm install knex ${DRIVER}, ` +
        'or npm install knex on Node 22.13 or later. Or pass your knex: new KnexSessionStore(knex).',
      { cause },
    );
  }
}

function availableClient(): string | typeof Knex.Client {
  try {
    // A driver that was installed and not compiled loads, and fails at the first database.
    const Driver = require(DRIVER) as new (path: string) => Database;
    new Driver(':memory:').close();
    return DRIVER;
  } catch (cause) {
    try {
      return sqliteClient();
    } catch {
      throw cause; // why better-sqlite3 does not work tells more than that Node is old
    }
  }
}

function configure(connection: Database, done: (error: Error | null, connection: Database) => void): void {
  // Waiting for another process's lock blocks this one's event loop, so it is kept short and tried again.
  connection.exec('pragma busy_timeout = 1000; pragma journal_mode = WAL; pragma synchronous = NORMAL');
  done(null, connection);
}
