import type { Knex } from 'knex';
import { columnValue, takeValue } from '../column-types.js';
import { KssError } from '../errors.js';
import type { Field } from '../layout.js';
import type { Dialect } from './dialect.js';
import { mysql } from './mysql.js';
import { postgres } from './postgres.js';
import { sqlite } from './sqlite.js';

export type { ColumnRole, DdlFacts, Dialect, Quote, Sql, Statements, TableName } from './dialect.js';

const DIALECTS: Readonly<Record<string, Dialect>> = { sqlite3: sqlite, postgresql: postgres, mysql };

/**
 * The record of the database that a knex talks to.
 *
 * @throws KssError UNSUPPORTED_DATABASE
 */
export function dialectOf(knex: Knex): Dialect {
  const { dialect, driverName } = knex.client as { dialect?: string; driverName?: string };
  // knex calls CockroachDB `postgresql`, and silently drops `on conflict` on Redshift.
  const found = driverName === 'cockroachdb' || driverName === 'pg-redshift' ? undefined : DIALECTS[dialect ?? ''];
  if (found !== undefined) return found;
  throw new KssError(
    'UNSUPPORTED_DATABASE',
    `Sessions cannot be kept in '${driverName || dialect || 'unknown'}'. Use SQLite, PostgreSQL, MySQL or MariaDB.`,
  );
}

/**
 * Copies a session's value for its column, as the driver takes it.
 *
 * @throws KssError COLUMN_VALUE where the column could not give it back equal
 */
export function bindField(dialect: Dialect, { name, type, args }: Field, value: unknown): unknown {
  const taken = takeValue(name, type, args, value);
  const why = dialect.refuse?.(type, args, taken);
  if (why !== undefined) throw columnValue(name, type, why);
  return dialect.bindValue(type, taken);
}
