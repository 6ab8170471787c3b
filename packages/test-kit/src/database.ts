import type { Knex } from 'knex';

export type DatabaseName = 'sqlite' | 'pglite' | 'postgres' | 'mariadb' | 'mysql' | 'cockroach' | 'mssql' | 'oracle';

export interface OpenOptions {
  /** The file of a SQLite database; in memory without it. */
  readonly filename?: string;
  /** Another port of the same server, such as a proxy's. */
  readonly port?: number;
  readonly pool?: Knex.PoolConfig;
  readonly acquireConnectionTimeout?: number;
}

export interface TestDatabase {
  /** The database, whatever the driver. */
  readonly name: DatabaseName;
  /** What titles and KSS_TEST_REQUIRE call it: the name, or another one where it is reached through another driver. */
  readonly label: string;
  /** Why it cannot be used here, or undefined where it can. */
  readonly absent: string | undefined;
  /** Where its server listens; undefined for one in this process. */
  readonly server: { readonly host: string; readonly port: number } | undefined;
  open(options?: OpenOptions): Knex;
}
