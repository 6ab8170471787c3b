import type { TestDatabase } from './database.js';
import { compiledDriver } from './drivers.js';
import { nodeSqlite, pglite, sqlite, sqliteThrough } from './embedded.js';
import { serverDatabase } from './servers.js';

/** A wall clock for the session that is not UTC's, nor that of Node, which vitest.base.ts sets. */
const ZONE = {
  postgres: "set time zone 'Asia/Tokyo'",
  mysql: "set time_zone = '+09:00'",
  oracle: "alter session set time_zone = '+09:00'",
};

const POSTGRES = { name: 'postgres', client: 'pg', port: 5432, zone: ZONE.postgres } as const;
const MARIADB = { name: 'mariadb', client: 'mysql2', port: 3306, zone: ZONE.mysql } as const;
const MYSQL = { name: 'mysql', client: 'mysql2', port: 3306, zone: ZONE.mysql } as const;

// By itself it gives up a connection after one second, others after ten or never.
const MARIADB_DRIVER = { client: 'mariadb', settings: { connectTimeout: 10_000 } } as const;

/** Every database that the tests know. A new one is one more entry. */
export const databases: readonly TestDatabase[] = [
  sqlite,
  pglite,
  serverDatabase(POSTGRES),
  serverDatabase(MARIADB),
  serverDatabase(MYSQL),
  serverDatabase({ name: 'cockroach', client: 'cockroachdb', port: 26_257, zone: ZONE.postgres }),
  // Its sessions have no zone: the server's is given when it is started (compose.yaml).
  serverDatabase({
    name: 'mssql',
    client: 'mssql',
    port: 1433,
    settings: { options: { trustServerCertificate: true } },
  }),
  serverDatabase({ name: 'oracle', client: 'oracledb', port: 1521, zone: ZONE.oracle }),
];

/**
 * The same databases through other drivers of knex, for the package whose statements and results depend on the driver.
 *
 * A function, so that what is compiled, or warns, is loaded only where it is asked for.
 */
export function driverVariants(): readonly TestDatabase[] {
  return [
    nodeSqlite(),
    sqliteThrough('sqlite3', compiledDriver('sqlite3')),
    serverDatabase({ ...POSTGRES, label: 'pg-native', client: compiledDriver('pg-native') }),
    serverDatabase({ ...MARIADB, ...MARIADB_DRIVER, label: 'mariadb-mariadb-driver' }),
    serverDatabase({ ...MYSQL, ...MARIADB_DRIVER, label: 'mysql-mariadb-driver' }),
  ];
}
