import { createRequire } from 'node:module';
import createKnex, { type Knex } from 'knex';
import pgliteClient from 'knex-pglite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

export type DatabaseName = 'sqlite' | 'pglite' | 'postgres' | 'mariadb';

export interface OpenOptions {
  /** The file of a SQLite database; in memory without it. */
  readonly filename?: string;
  /** Another port of the same server, such as a proxy's. */
  readonly port?: number;
  readonly pool?: Knex.PoolConfig;
  readonly acquireConnectionTimeout?: number;
}

export interface TestDatabase {
  readonly name: DatabaseName;
  /** Why it cannot be used here, or undefined where it can. */
  readonly absent: string | undefined;
  /** Where its server listens; undefined for one in this process. */
  readonly server: { readonly host: string; readonly port: number } | undefined;
  open(options?: OpenOptions): Knex;
}

/** The server's wall clock in tests; Node's is set in vitest.base.ts. Neither is UTC, and they differ. */
const SERVER_ZONE = { postgres: "set time zone 'Asia/Tokyo'", mariadb: "set time_zone = '+09:00'" };

/** Every database that the tests know. A new one is one more entry. */
export const databases: readonly TestDatabase[] = [
  {
    name: 'sqlite',
    absent: sqliteProblem(),
    server: undefined,
    open: ({ filename = ':memory:', pool } = {}) =>
      createKnex({ client: 'better-sqlite3', connection: { filename }, useNullAsDefault: true, ...(pool && { pool }) }),
  },
  {
    name: 'pglite',
    absent: undefined,
    server: undefined,
    open: () => createKnex({ client: pgliteClient, dialect: 'postgres', connection: {} } as unknown as Knex.Config),
  },
  serverDatabase('postgres', 'pg', 5432),
  serverDatabase('mariadb', 'mysql2', 3306),
];

/**
 * Runs a suite once for each database. One that is absent is skipped aloud, or fails where KSS_TEST_REQUIRE names it.
 *
 * `use` gets a function that gives the suite's knex, open from before the first test until after the last.
 */
export function describeDatabases(
  title: string,
  use: (database: TestDatabase, knex: () => Knex) => void,
  only: readonly DatabaseName[] = databases.map(({ name }) => name),
): void {
  for (const database of databases.filter(({ name }) => only.includes(name))) {
    const { name, absent } = database;
    if (absent !== undefined) {
      if (required(name)) {
        describe(`${title} on ${name}`, () => it('is required here', () => expect(absent).toBeUndefined()));
      } else {
        console.warn(`SKIPPED: ${title} on ${name}: ${absent}`);
        describe.skip(`${title} on ${name} (${absent})`, () => it('is skipped', () => {}));
      }
      continue;
    }
    describe(`${title} on ${name}`, () => {
      let knex: Knex | undefined;
      beforeAll(() => {
        knex = database.open();
      });
      afterAll(async () => {
        await knex?.destroy();
      });
      use(database, () => {
        if (knex === undefined) throw new Error('The database is open only while tests run.');
        return knex;
      });
    });
  }
}

function serverDatabase(name: 'postgres' | 'mariadb', client: string, defaultPort: number): TestDatabase {
  const variable = `KSS_TEST_${name.toUpperCase()}_URL`;
  const given = process.env[variable];
  const url = given === undefined || given === '' ? undefined : new URL(given);
  return {
    name,
    absent: url === undefined ? `${variable} is not set (scripts/databases prints it)` : undefined,
    server: url && { host: url.hostname, port: Number(url.port || defaultPort) },
    open({ port, pool, acquireConnectionTimeout } = {}) {
      if (url === undefined) throw new Error(`${variable} is not set.`);
      const zone = (
        connection: { query(sql: string, done: (error: unknown) => void): void },
        done: (e: unknown, c: unknown) => void,
      ) => connection.query(SERVER_ZONE[name], (error) => done(error, connection));
      return createKnex({
        client,
        connection: {
          host: url.hostname,
          port: port ?? Number(url.port || defaultPort),
          user: decodeURIComponent(url.username),
          password: decodeURIComponent(url.password),
          database: url.pathname.slice(1),
        },
        pool: { min: 0, max: 10, afterCreate: zone, ...pool },
        ...(acquireConnectionTimeout !== undefined && { acquireConnectionTimeout }),
      });
    },
  };
}

function required(name: string): boolean {
  return (process.env.KSS_TEST_REQUIRE ?? '')
    .split(',')
    .map((part) => part.trim())
    .includes(name);
}

function sqliteProblem(): string | undefined {
  try {
    const Database = createRequire(import.meta.url)('better-sqlite3') as new (path: string) => { close(): void };
    new Database(':memory:').close();
    return undefined;
  } catch (error) {
    return `better-sqlite3 does not load: ${(error as Error).message}`;
  }
}
