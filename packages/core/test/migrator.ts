import { fileURLToPath } from 'node:url';
import type { Knex } from 'knex';
import type { Migration } from '../src/index.js';

/** How knex's migrator is told of migrations; its own tables are named after the table of the test. */
export function migrationsOf(tableName: string, migrations: Readonly<Record<string, Migration>>): Knex.MigratorConfig {
  return {
    tableName: logOf(tableName),
    migrationSource: {
      getMigrations: async () => Object.keys(migrations),
      getMigrationName: (name: string) => name,
      getMigration: async (name: string) => migrations[name] as Knex.Migration,
    },
  };
}

/** The folder of files that an app would have. */
export function migrationFiles(tableName: string): Knex.MigratorConfig {
  return {
    tableName: logOf(tableName),
    directory: fileURLToPath(new URL('./fixtures/migrations', import.meta.url)),
    loadExtensions: ['.cjs', '.mjs'],
  };
}

/** Forgets what was migrated. */
export async function dropMigrations(knex: Knex, tableName: string): Promise<void> {
  await knex.schema.dropTableIfExists(logOf(tableName));
  await knex.schema.dropTableIfExists(`${logOf(tableName)}_lock`);
}

function logOf(tableName: string): string {
  return `${tableName}_log`;
}
