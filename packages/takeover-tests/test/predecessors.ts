import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connectPgSimple, connectSessionKnex, expressMysqlSession, type StoreArguments } from '@kss/core/takeover';
import type { FieldShape, StoreOptions } from '@kss/express';
import type { DatabaseName } from '@kss/test-kit';
import pgSimple10 from 'connect-pg-simple';
import pgSimple9 from 'connect-pg-simple-9';
import { ConnectSessionKnexStore } from 'connect-session-knex';
import connectSessionKnex4 from 'connect-session-knex-4';
import mysqlSession3 from 'express-mysql-session';
import mysqlSession2 from 'express-mysql-session-2';
import session, { type Store } from 'express-session';
import type { Knex } from 'knex';
import { createPool } from 'mysql2/promise';
import { Pool } from 'pg';
import type { EndColumn } from './carried.js';

/** A store of a predecessor, over a table. */
export interface Predecessor {
  readonly title: string;
  /** As its package says. */
  readonly version: string;
  readonly newest: boolean;
  readonly databases: readonly DatabaseName[];
  readonly sid: string;
  /** What the table's column of the expiry is called, how it is to be read, and the instant that it keeps, to these milliseconds. */
  readonly expiry: string;
  readonly as: EndColumn;
  readonly unit: number;
  open(name: DatabaseName, knex: Knex, table: string): Promise<{ readonly store: Store; close(): Promise<void> }>;
  /** The arguments of ours, from the options that the predecessor was given. */
  takeOver<const F extends readonly FieldShape[] = readonly []>(
    knex: Knex,
    table: string,
    more?: StoreOptions<F>,
  ): StoreArguments<F>;
}

const SERVERS: readonly DatabaseName[] = ['sqlite', 'postgres', 'mariadb', 'mysql'];

/** What is the same in every version of a predecessor. */
type Common = Pick<Predecessor, 'databases' | 'sid' | 'expiry' | 'as' | 'unit'>;
const CONNECT: Common = { databases: SERVERS, sid: 'sid', expiry: 'expired', as: 'instant', unit: 1000 };
const PG_SIMPLE: Common = { databases: ['postgres'], sid: 'sid', expiry: 'expire', as: 'instant', unit: 1000 };
const MYSQL: Common = {
  ...{ databases: ['mariadb', 'mysql'], sid: 'session_id', expiry: 'expires', as: 'seconds', unit: 1000 },
};

/** The version of a package that the tests have. */
export function versionOf(name: string): string {
  const { version } = createRequire(import.meta.url)(`${name}/package.json`) as { version: string };
  return version;
}

export const PREDECESSORS: readonly Predecessor[] = [
  {
    title: 'connect-session-knex 5',
    version: versionOf('connect-session-knex'),
    newest: true,
    ...CONNECT,
    async open(_, knex, tableName) {
      const store = new ConnectSessionKnexStore({ knex: knex as never, tableName, cleanupInterval: 0 });
      await store.ready;
      return { store: store as unknown as Store, close: async () => {} };
    },
    takeOver: (knex, tableName, more) => connectSessionKnex({ knex, tableName, cleanupInterval: 0 }, more),
  },
  {
    title: 'connect-session-knex 4',
    version: versionOf('connect-session-knex-4'),
    newest: false,
    ...CONNECT,
    async open(_, knex, tablename) {
      const store = new (connectSessionKnex4(session))({ knex, tablename, disableDbCleanup: true });
      await store.ready;
      await tableOf(knex, tablename); // it says that it is ready before its table is
      return { store, close: async () => {} };
    },
    takeOver: (knex, tablename, more) => connectSessionKnex({ knex, tablename, disableDbCleanup: true }, more),
  },
  ...[pgSimple10, pgSimple9].map(
    (connect, i): Predecessor => ({
      title: `connect-pg-simple ${10 - i}`,
      version: versionOf(['connect-pg-simple', 'connect-pg-simple-9'][i] ?? ''),
      newest: i === 0,
      ...PG_SIMPLE,
      async open(_, knex, tableName) {
        const pool = postgresPool();
        await knex.raw(tableOfPgSimple(tableName));
        const options = { pool, tableName, pruneSessionInterval: false };
        const store = new (connect(session))(options);
        await new Promise((resolve) => store.get('none', resolve));
        return {
          store,
          async close() {
            await store.close();
            await pool.end();
          },
        };
      },
      takeOver: (knex, tableName, more) =>
        connectPgSimple(knex, { tableName, createTableIfMissing: true, pruneSessionInterval: false }, more),
    }),
  ),
  {
    title: 'express-mysql-session 3',
    version: versionOf('express-mysql-session'),
    newest: true,
    ...MYSQL,
    async open(name, _, tableName) {
      const pool = createPool(mysqlOptions(name));
      const store = new (mysqlSession3(session))({ clearExpired: false, schema: { tableName } }, pool);
      await store.onReady();
      return { store, close: () => pool.end() };
    },
    takeOver: (knex, tableName, more) =>
      expressMysqlSession(knex, { clearExpired: false, schema: { tableName } }, more),
  },
  {
    title: 'express-mysql-session 2',
    version: versionOf('express-mysql-session-2'),
    newest: false,
    ...MYSQL,
    async open(name, _, tableName) {
      const pool = createPool(mysqlOptions(name));
      const store = await new Promise<Store>((resolve, reject) => {
        const options = { clearExpired: false, schema: { tableName } };
        const made: Store = new (mysqlSession2(session))(options, pool, (error) =>
          error ? reject(error) : resolve(made),
        );
      });
      return { store, close: () => pool.end() };
    },
    takeOver: (knex, tableName, more) =>
      expressMysqlSession(knex, { clearExpired: false, schema: { tableName } }, more),
  },
];

/** The statements that connect-pg-simple brings; it calls the key of every table the same, and so has one in a schema. */
export function tableOfPgSimple(table: string): string {
  const file = createRequire(import.meta.url)
    .resolve('connect-pg-simple/package.json')
    .replace('package.json', 'table.sql');
  return readFileSync(file, 'utf8')
    .replaceAll('"session"', `"${table}"`)
    .replaceAll('IDX_session', `IDX_${table}`)
    .replaceAll('session_pkey', `${table}_pkey`);
}

/** A pool of the app's own, whose sessions are in the zone of the test kit's. */
export function postgresPool(): Pool {
  return new Pool({ connectionString: process.env.KSS_TEST_POSTGRES_URL, max: 4, options: '-c TimeZone=Asia/Tokyo' });
}

export function mysqlOptions(name: DatabaseName) {
  const url = new URL(process.env[`KSS_TEST_${name.toUpperCase()}_URL`] ?? '');
  return {
    host: url.hostname,
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    connectionLimit: 4,
  };
}

async function tableOf(knex: Knex, table: string): Promise<void> {
  for (let tried = 0; tried < 100; tried++) {
    if (await knex.schema.hasTable(table)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`There is no table ${table}.`);
}
