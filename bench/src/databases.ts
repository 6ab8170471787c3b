import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import createKnex, { type Knex } from 'knex';
import { closedAtTheEnd } from './cleanup.js';
import { messageOf } from './ledger.js';

/** Connections that every store may open; most drivers' own default. */
export const POOL_SIZE = 10;

/** Milliseconds that an idle connection stays: nobody has to connect again because the others had their turn. */
export const IDLE = 3_600_000;

export type DatabaseName = 'postgres' | 'mariadb' | 'mysql' | 'sqlite';

/** A database that the stores keep their sessions in. */
export interface Database {
  readonly name: DatabaseName;
  readonly label: string;
  /** Where it is; of SQLite, the folder with one file for each store. */
  readonly url: string;
  /** A knex of its own for each store. The table names the SQLite file. */
  knex(table: string): Knex;
  version(): Promise<string>;
  close(): void;
}

const SERVERS = {
  postgres: { label: 'PostgreSQL', client: 'pg', variable: 'KSS_TEST_POSTGRES_URL', version: 'show server_version' },
  mariadb: { label: 'MariaDB', client: 'mysql2', variable: 'KSS_TEST_MARIADB_URL', version: 'select version() as v' },
  mysql: { label: 'MySQL', client: 'mysql2', variable: 'KSS_TEST_MYSQL_URL', version: 'select version() as v' },
} as const;

export const DATABASES: readonly DatabaseName[] = ['postgres', 'mariadb', 'mysql', 'sqlite'];

/** The databases of those names that answer; `absent` hears of each other one, and why. */
export async function openDatabases(
  names: readonly DatabaseName[],
  absent: (name: DatabaseName, why: string) => void,
): Promise<Database[]> {
  const found: Database[] = [];
  for (const name of names) {
    const database = databaseOf(name);
    if (typeof database === 'string') {
      absent(name, database);
      continue;
    }
    try {
      await database.version();
      found.push(database);
      closedAtTheEnd(async () => database.close());
    } catch (error) {
      database.close();
      absent(name, messageOf(error));
    }
  }
  return found;
}

/** The database of that name, or why there is none. */
export function databaseOf(name: DatabaseName, folder?: string): Database | string {
  if (name === 'sqlite') return sqlite(folder ?? mkdtempSync(join(tmpdir(), 'kss-bench-')));
  const { label, client, variable, version } = SERVERS[name];
  const url = process.env[variable];
  if (url === undefined || url === '') return `${variable} is not set`;
  const knex = () => createKnex({ client, connection: url, pool: { min: 0, max: POOL_SIZE, idleTimeoutMillis: IDLE } });
  return { name, label, url, knex, version: () => versionOf(knex(), version), close: () => {} };
}

function sqlite(folder: string): Database {
  const knex = (table: string) =>
    createKnex({
      client: 'better-sqlite3',
      connection: { filename: join(folder, `${table}.sqlite`) },
      useNullAsDefault: true,
      pool: { min: 1, max: 1, afterCreate: tuned },
    });
  return {
    name: 'sqlite',
    label: 'SQLite',
    url: folder,
    knex,
    version: () => versionOf(knex('version'), 'select sqlite_version() as v'),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The settings of https://www.sqlite.org/wal.html that an app with sessions would take, for every store alike. */
function tuned(connection: { pragma(text: string): unknown }, done: (error: unknown, connection: unknown) => void) {
  connection.pragma('journal_mode = WAL');
  connection.pragma('synchronous = NORMAL');
  done(null, connection);
}

async function versionOf(knex: Knex, statement: string): Promise<string> {
  try {
    const result = await knex.raw(statement);
    const rows: Record<string, unknown>[] = result.rows ?? (Array.isArray(result[0]) ? result[0] : result);
    return /^[\d.]+/.exec(String(Object.values(rows[0] ?? {})[0]))?.[0] ?? 'unknown';
  } finally {
    await knex.destroy();
  }
}
