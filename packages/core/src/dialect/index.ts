import type { Knex } from 'knex';
import type { Columns } from '../codec.js';
import { columnValue, takeValue } from '../column-types.js';
import { KssError } from '../errors.js';
import type { Field } from '../layout.js';
import { cockroach } from './cockroach.js';
import { givenPrecision, givenZoneless } from './columns.js';
import type { ColumnNeed, DdlFacts, Dialect } from './dialect.js';
import { mssql } from './mssql.js';
import { mysql } from './mysql.js';
import { oracle } from './oracle.js';
import { postgres } from './postgres.js';
import { sqlite } from './sqlite.js';

export type {
  BatchStatements,
  ColumnInfo,
  ColumnNeed,
  DdlFacts,
  Dialect,
  Failure,
  Quote,
  Sql,
  Statements,
  TableName,
  Unfit,
} from './dialect.js';
export { foreignDefect } from './foreign-columns.js';
export { type Forms, formsOf } from './forms.js';
export { contentValues } from './same-content.js';

// By knex's name of the dialect. It calls CockroachDB `postgresql`, too: the driver's name tells.
const DIALECTS: Readonly<Record<string, Dialect>> = { sqlite3: sqlite, postgresql: postgres, mysql, mssql, oracle };
const BY_DRIVER: Readonly<Record<string, Dialect>> = { cockroachdb: cockroach };

/** A database whose DDL can be had as text: which client of knex compiles it, and what its server would tell. */
export interface Offline {
  readonly config: Readonly<{ client: string; version?: string }>;
  readonly facts: DdlFacts;
}

/** The databases by the names that `sessionTableSql` takes. */
export const OFFLINE = {
  sqlite: { config: { client: 'better-sqlite3' }, facts: {} },
  postgres: { config: { client: 'pg' }, facts: {} },
  cockroach: { config: { client: 'cockroachdb' }, facts: {} },
  mysql: { config: { client: 'mysql2' }, facts: { binaryCollation: 'utf8mb4_0900_bin' } },
  mariadb: { config: { client: 'mysql2' }, facts: { binaryCollation: 'utf8mb4_nopad_bin' } },
  mssql: { config: { client: 'mssql' }, facts: {} },
  // knex asks the server for its version otherwise; from 12.2 on, names may have 128 characters.
  oracle: { config: { client: 'oracledb', version: '19.0' }, facts: {} },
} as const satisfies Readonly<Record<string, Offline>>;

/**
 * The record of the database that a knex talks to.
 *
 * @throws KssError UNSUPPORTED_DATABASE
 */
export function dialectOf(knex: Knex): Dialect {
  const { dialect = '', driverName = '' } = knex.client as { dialect?: string; driverName?: string };
  const found = BY_DRIVER[driverName] ?? DIALECTS[dialect];
  if (found !== undefined) return found;
  const why = /redshift/.test(dialect + driverName) ? ' Redshift keeps no key unique, and knex drops its upsert.' : '';
  throw new KssError(
    'UNSUPPORTED_DATABASE',
    `Sessions cannot be kept in '${driverName || dialect || 'unknown'}'.${why} ` +
      'Use SQLite, PostgreSQL, CockroachDB, MySQL, MariaDB, SQL Server or Oracle.',
  );
}

/** What the column of a field must be. */
export function needOf({ type, args }: Field): ColumnNeed {
  const instant = type === 'datetime' || type === 'timestamp';
  const precision = givenPrecision(args, 1) ?? givenPrecision(args, 0) ?? 3;
  const scale = type === 'decimal' ? Number(args[1] ?? 2) : 0;
  return {
    role: type,
    length: type === 'string' ? Number(args[0] ?? 255) : 0,
    decimals: instant ? Math.min(3, precision) : scale, // a Date has milliseconds
    zoneless: givenZoneless(args),
  };
}

/**
 * Copies a session's value for its column.
 *
 * @throws KssError COLUMN_VALUE where the column could not give it back equal
 */
function takeField(dialect: Dialect, { name, type, args }: Field, value: unknown): unknown {
  const taken = takeValue(name, type, args, value);
  const why = dialect.refuse?.(type, args, taken);
  if (why !== undefined) throw columnValue(name, type, why);
  return taken;
}

/** How values get into the columns of a database. */
export function columnsOf(dialect: Dialect): Columns {
  return {
    take: (field, value) => takeField(dialect, field, value),
    bind: (field, taken) => dialect.bindValue(field.type, taken),
  };
}

/**
 * {@link takeField}, as the driver takes it; null where the column cannot tell it from NULL.
 *
 * @throws KssError COLUMN_VALUE
 */
export function bindField(dialect: Dialect, field: Field, value: unknown): unknown {
  return dialect.bindValue(field.type, takeField(dialect, field, value));
}
