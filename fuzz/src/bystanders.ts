import { createHash } from 'node:crypto';
import type { Knex } from 'knex';

/** Sids of sessions that no case is about. */
export const OTHERS = ['other-1', 'other-2', 'other-3'] as const;
const FAR = 4_000_000_000_000;

/** Rows that no case may read, change or delete: in the table, and in one beside it. */
export interface Bystanders {
  /** @throws Error where a row of theirs is not what it was */
  holds(): Promise<void>;
  remove(): Promise<void>;
}

/** Makes a table beside the one of the cases and fills both; the cases' own table has to be there. */
export async function bystanders(knex: Knex, table: string, columns: object = {}): Promise<Bystanders> {
  const beside = `${table}_beside`;
  await knex.schema.dropTableIfExists(beside);
  await knex.schema.createTable(beside, (made) => {
    made.string('sid', 255).primary();
    made.bigInteger('expire_at').notNullable();
    made.text('additional');
  });
  for (const sid of OTHERS) {
    const additional = JSON.stringify({ of: sid });
    await knex(beside).insert({ sid, expire_at: FAR, additional });
    await knex(table).where({ sid }).delete();
    await knex(table).insert({ sid, expire_at: FAR, additional, ...columns });
  }
  const digest = async () =>
    digestOf([
      ...(await knex(beside).select('*').orderBy('sid')),
      ...(await knex(table).whereIn('sid', OTHERS).select('*').orderBy('sid')),
    ]);
  const before = await digest();
  return {
    async holds() {
      if ((await digest()) !== before) throw new Error(`A row of another session, or of ${beside}, was changed.`);
    },
    async remove() {
      await knex.schema.dropTableIfExists(beside);
    },
  };
}

/** One number for rows, whatever their columns. */
export function digestOf(rows: readonly object[]): string {
  const text = JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
  return createHash('sha256').update(text).digest('hex');
}
