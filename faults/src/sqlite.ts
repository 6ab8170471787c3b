import { createRequire } from 'node:module';
import { sqliteClient } from '@kss/core';
import createKnex, { type Knex } from 'knex';

/** A driver of SQLite's. */
export interface SqliteDriver {
  /** The database, as the table of counts names it. */
  readonly name: string;
  /** What KSS_TEST_REQUIRE calls it. */
  readonly label: string;
  readonly absent: string | undefined;
  /** A knex over a file, with the settings of the store's own one. */
  open(filename: string): Knex;
}

const require = createRequire(import.meta.url);

/** The drivers that the store uses by itself. */
export const sqliteDrivers: readonly SqliteDriver[] = [
  {
    name: 'SQLite through better-sqlite3',
    label: 'sqlite',
    absent: problem(() => {
      const Database = require('better-sqlite3') as new (path: string) => { close(): void };
      new Database(':memory:').close();
    }),
    open: (filename) => open('better-sqlite3', filename),
  },
  {
    name: 'SQLite through node:sqlite',
    label: 'node-sqlite',
    absent: problem(sqliteClient),
    open: (filename) => open(sqliteClient(), filename),
  },
];

function open(client: string | typeof Knex.Client, filename: string): Knex {
  return createKnex({
    client,
    connection: { filename },
    useNullAsDefault: true,
    log: { warn() {}, error() {}, debug() {}, deprecate() {} },
    pool: {
      min: 0,
      max: 1,
      afterCreate(connection: { exec(sql: string): unknown }, done: (error: null, connection: unknown) => void) {
        connection.exec('pragma busy_timeout = 1000; pragma journal_mode = WAL; pragma synchronous = NORMAL');
        done(null, connection);
      },
    },
  });
}

function problem(load: () => unknown): string | undefined {
  try {
    load();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
