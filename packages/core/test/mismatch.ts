import type { DatabaseName } from '@kss/test-kit';
import type { Knex } from 'knex';
import { expect } from 'vitest';
import { isKssError, type KssError } from '../src/index.js';

/** The TABLE_MISMATCH with which a store refuses its table. */
export async function mismatchOf(store: { waitForSync(): Promise<void> }): Promise<KssError> {
  const error = await store.waitForSync().then(
    () => expect.unreachable('the table was taken'),
    (reason: unknown) => reason,
  );
  if (!isKssError(error, 'TABLE_MISMATCH')) throw error;
  return error;
}

/** The statements that the message of a TABLE_MISMATCH offers, each on a line of its own. */
export function statementsIn({ message }: KssError): string[] {
  return message.split('\n').flatMap((line) => /^ {2}(.*);$/.exec(line)?.[1] ?? []);
}

/** Runs just what the message says, and nothing else. */
export async function mend(knex: Knex, error: KssError): Promise<void> {
  const statements = statementsIn(error);
  expect(statements).not.toEqual([]);
  for (const statement of statements) await knex.raw(statement);
}

/** Makes a column of sids compare byte for byte, where the database does not by itself. */
export function binary(column: Knex.ColumnBuilder, database: DatabaseName): Knex.ColumnBuilder {
  return database === 'mariadb' || database === 'mysql' ? column.collate('utf8mb4_bin') : column;
}
