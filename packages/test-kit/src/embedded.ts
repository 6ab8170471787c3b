import { createRequire } from 'node:module';
import createKnex, { type Knex } from 'knex';
import pgliteClient from 'knex-pglite';
import { sqliteClient } from '../../core/src/node-sqlite.js';
import type { TestDatabase } from './database.js';
import type { CompiledDriver } from './drivers.js';

export const sqlite: TestDatabase = {
  name: 'sqlite',
  label: 'sqlite',
  absent: sqliteProblem(),
  server: undefined,
  open: ({ filename = ':memory:', pool } = {}) => openSqlite('better-sqlite3', filename, pool),
};

export const pglite: TestDatabase = {
  name: 'pglite',
  label: 'pglite',
  absent: undefined,
  server: undefined,
  open: () => createKnex({ client: pgliteClient, dialect: 'postgres', connection: {} } as unknown as Knex.Config),
};

/** SQLite through a driver of knex other than better-sqlite3. */
export function sqliteThrough(label: string, { absent, client }: CompiledDriver): TestDatabase {
  return {
    ...sqlite,
    label,
    absent,
    open: ({ filename = ':memory:', pool } = {}) =>
      openSqlite(client(), filename, { ...pool, afterCreate: enforceForeignKeys }),
  };
}

/** SQLite through the core's client for the one that Node brings. */
export function nodeSqlite(): TestDatabase {
  return {
    ...sqlite,
    label: 'node-sqlite',
    absent: problem(sqliteClient),
    open: ({ filename = ':memory:', pool } = {}) => openSqlite(sqliteClient(), filename, pool),
  };
}

function openSqlite(client: string | typeof Knex.Client, filename: string, pool: Knex.PoolConfig | undefined): Knex {
  return createKnex({ client, connection: { filename }, useNullAsDefault: true, ...(pool && { pool }) });
}

/** better-sqlite3 is compiled to do it; an app with another driver says it. */
function enforceForeignKeys(
  connection: { run(sql: string, done: (error: unknown) => void): void },
  done: (error: unknown, connection: unknown) => void,
): void {
  connection.run('pragma foreign_keys = on', (error) => done(error, connection));
}

function sqliteProblem(): string | undefined {
  const why = problem(() => {
    const Database = createRequire(import.meta.url)('better-sqlite3') as new (path: string) => { close(): void };
    new Database(':memory:').close();
  });
  return why === undefined ? undefined : `better-sqlite3 does not load: ${why}`;
}

function problem(load: () => unknown): string | undefined {
  try {
    load();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
