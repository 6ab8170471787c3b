import { createRequire } from 'node:module';
import type { Knex } from 'knex';
import { OFFLINE } from './dialect/index.js';
import { KssError } from './errors.js';
import { layoutOf } from './layout.js';
import { resolveOptions, unknownName } from './options.js';
import { placeOf } from './place.js';
import { createQuery, extrasOf } from './table.js';
import { statementsOf } from './table-text.js';
import type { FieldShape, StoreOptions } from './types.js';

/** The databases that {@link sessionTableSql} writes for. */
export type DatabaseName = keyof typeof OFFLINE;

/**
 * The statements that make the table of sessions, as text for an administrator: no connection and no driver is needed.
 *
 * @param options those of the store
 * @param database `'postgres'`, `'cockroach'`, `'mysql'` (8.0.17 and later), `'mariadb'`, `'sqlite'`, `'mssql'` or `'oracle'`
 * @example
 * console.log(sessionTableSql({ tableName: 'logins' }, 'postgres'));
 * @throws KssError INVALID_OPTION, DRIVER_MISSING where knex is not installed
 */
export function sessionTableSql<const F extends readonly FieldShape[] = readonly []>(
  options: StoreOptions<F>,
  database: DatabaseName,
): string {
  const resolved = resolveOptions(options);
  if (!Object.hasOwn(OFFLINE, database)) throw unknownName(String(database), Object.keys(OFFLINE), 'database');
  const { config, facts } = OFFLINE[database];
  const knex = loadKnex()({ ...config, useNullAsDefault: true });
  const create = createQuery(placeOf(knex, layoutOf(resolved)), extrasOf(resolved), facts);
  return (statementsOf(knex, create) ?? []).map((sql) => `${sql};\n`).join('');
}

function loadKnex(): (config: Knex.Config) => Knex {
  try {
    return (createRequire(import.meta.url)('knex') as { knex: (config: Knex.Config) => Knex }).knex;
  } catch (cause) {
    throw new KssError('DRIVER_MISSING', 'The statements are made by knex: npm install knex.', { cause });
  }
}
