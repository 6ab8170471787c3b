import type { DatabaseName } from '@kss/test-kit';
import type { Knex } from 'knex';
import { expect } from 'vitest';

/** A row that nobody else can write until it is let go. */
export interface HeldRow {
  letGo(): Promise<void>;
}

/** Locks the row of a session in a transaction of its own. */
export async function holdRow(knex: Knex, table: string, sid: string): Promise<HeldRow> {
  const trx = await knex.transaction();
  await trx(table).where('sid', sid).forUpdate().select('sid');
  return {
    async letGo() {
      if (!trx.isCompleted()) await trx.rollback();
    },
  };
}

const WAITING: Readonly<Partial<Record<DatabaseName, string>>> = {
  postgres:
    "select pid as id from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database() and query like ?",
  mariadb: 'select id from information_schema.processlist where info like ? and time_ms > 50 and id <> connection_id()',
  mysql:
    'select p.id from performance_schema.data_lock_waits w join performance_schema.threads t on t.thread_id = w.requesting_thread_id ' +
    'join information_schema.processlist p on p.id = t.processlist_id where p.info like ?',
};

/** The connections whose statement on the table gets no further, when there are so many. */
export async function waiters(knex: Knex, name: DatabaseName, table: string, many = 1): Promise<number[]> {
  let ids: number[] = [];
  const count = async () => {
    const result = await knex.raw(WAITING[name] ?? '', [`%${table}%`]);
    const rows = (name === 'postgres' ? result.rows : result[0]) as Record<string, unknown>[];
    ids = rows.map((row) => Number(row.id ?? row.ID));
    return ids.length;
  };
  await expect.poll(count, { timeout: 10_000 }).toBeGreaterThanOrEqual(many);
  return ids;
}

/** Ends a connection from the server's side. */
export async function endConnection(knex: Knex, name: DatabaseName, id: number): Promise<void> {
  await knex.raw(name === 'postgres' ? 'select pg_terminate_backend(?)' : 'kill ?', [id]);
}
