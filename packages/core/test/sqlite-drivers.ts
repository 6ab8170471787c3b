import { createRequire } from 'node:module';
import createKnex, { type Knex } from 'knex';
import { afterEach, describe } from 'vitest';
import { sqliteClient } from '../src/index.js';

interface Database {
  prepare(sql: string): { all(): unknown[] };
  close(): void;
}
type Driver = new (path: string) => Database;

const builtIn = process.getBuiltinModule?.('node:sqlite') as { DatabaseSync: Driver } | undefined;

/** Why better-sqlite3 cannot be used here, or undefined where it can. */
export const betterProblem = problem();
/** Whether this Node has SQLite built in: 22.13 and later. */
export const nodeHasSqlite = builtIn !== undefined;

const CLIENTS = [
  { driver: 'better-sqlite3', absent: betterProblem, client: () => 'better-sqlite3' },
  {
    driver: 'node:sqlite',
    absent: nodeHasSqlite ? undefined : `Node ${process.versions.node} has none`,
    client: sqliteClient,
  },
] as const;

type Open = (filename: string, options?: { connection?: object; pool?: Knex.PoolConfig }) => Knex;

/**
 * Runs a suite on knex's own client and on ours: whatever is said of one is said of the other, so the one that runs here
 * shows what the other must do. `open` makes a knex that is closed after the test.
 */
export function describeClients(title: string, use: (driver: string, open: Open) => void): void {
  for (const { driver, absent, client } of CLIENTS) {
    if (absent !== undefined) console.warn(`SKIPPED: ${title} on ${driver}: ${absent}`);

    describe.skipIf(absent !== undefined)(`${title} on ${driver}`, () => {
      const opened: Knex[] = [];
      afterEach(() => Promise.all(opened.splice(0).map((one) => one.destroy())));

      use(driver, (filename, { connection, pool } = {}) => {
        const knex = createKnex({
          client: client(),
          connection: { filename, ...connection },
          useNullAsDefault: true,
          ...(pool && { pool }),
        });
        opened.push(knex);
        return knex;
      });
    });
  }
}

/** The rows that a query gives on a SQLite file, read by a driver and nothing else. */
export function readFile(filename: string, sql: string): unknown[] {
  const Driver = betterProblem === undefined ? better() : builtIn?.DatabaseSync;
  if (Driver === undefined) throw new Error('There is no driver for SQLite here.');
  const database = new Driver(filename);
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => ({ ...(row as object) }));
  } finally {
    database.close();
  }
}

function better(): Driver {
  return createRequire(import.meta.url)('better-sqlite3') as Driver;
}

function problem(): string | undefined {
  try {
    new (better())(':memory:').close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
