import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { KnexSessionStore, type StoreOptions } from '../src/index.js';
import { partsOf } from '../src/store.js';
import { watch } from './watch.js';

const TABLE = 'kss_batch_statements';
const schemas = [
  { name: 'user_id', type: 'string', args: [50] },
  { name: 'seal', type: 'binary' },
] as const;
type Store = KnexSessionStore<typeof schemas>;

const sids = Array.from({ length: 100 }, (_, i) => `s${i}`);
/** Each verb on so many sessions at once. */
async function useAll(store: Store, size: number): Promise<void> {
  const some = sids.slice(0, size);
  await Promise.all(some.map((sid, i) => store.set(sid, { user_id: `u${i}`, seal: Buffer.from(sid) })));
  const loaded = await Promise.all(some.map((sid) => store.load(sid)));
  await Promise.all(some.map((sid, i) => store.update(sid, { n: i }, { revision: loaded[i]?.revision })));
  await Promise.all(some.map((sid) => store.touch(sid)));
  expect(await Promise.all(some.map((sid) => store.get(sid)))).toStrictEqual(some.map((_, i) => ({ n: i })));
  await Promise.all(some.map((sid) => store.destroy(sid)));
}

describeDatabases(
  'prepared statements',
  (database, direct) => {
    let knex: Knex;
    let store: Store;
    const open = async (options: StoreOptions<typeof schemas> = {}) => {
      knex = database.open({ pool: { min: 1, max: 1 } });
      store = new KnexSessionStore(knex, { tableName: TABLE, schemas, gcInterval: 0, ...options });
      await store.waitForSync();
    };
    /** What the one connection keeps. */
    const kept = async () => {
      const { rows } = await knex.raw('select name, statement from pg_prepared_statements where statement like ?', [
        `%${TABLE}%`,
      ]);
      return rows as { name: string; statement: string }[];
    };

    beforeAll(async () => {
      await direct().schema.dropTableIfExists(TABLE);
    });
    afterEach(async () => {
      await store.close();
      await knex.destroy();
    });
    afterAll(async () => {
      await direct().schema.dropTableIfExists(TABLE);
    });

    it('are one for each verb on one session and one for each verb on many, however many', async () => {
      await open();
      for (const size of [1, 2, 3, 10, 99, 100]) await useAll(store, size);
      const names = await kept();
      expect(names).toHaveLength(10);
      expect(new Set(names.map(({ statement }) => statement)).size).toBe(10);
      expect(names.every(({ name }) => name.startsWith('kss_'))).toBe(true);
    });

    it('are none where the option says so', async () => {
      await open({ batch: { prepare: false } });
      for (const size of [1, 2, 30]) await useAll(store, size);
      expect(await kept()).toStrictEqual([]);
    });

    it('serve on when the table gets another column, and loses it', async () => {
      await open();
      for (const change of ['add column later text', 'drop column later']) {
        for (const size of [1, 30]) await useAll(store, size);
        await direct().raw(`alter table ${TABLE} ${change}`);
      }
      const seen = watch(knex);
      for (const size of [1, 30]) await useAll(store, size);
      expect(seen.sent).toHaveLength(12);
      seen.stop();
    });
  },
  ['postgres'],
);

describe('the statements for many rows', () => {
  const ROWS = 4000;

  describeDatabases(
    'in a table of thousands',
    ({ name }, knex) => {
      let store: Store;

      beforeAll(async () => {
        await knex().schema.dropTableIfExists(`${TABLE}_plans`);
        store = new KnexSessionStore(knex(), { tableName: `${TABLE}_plans`, schemas, gcInterval: 0 });
        await store.waitForSync();
        const rows = Array.from({ length: ROWS }, (_, i) => ({
          sid: `sid-${i}`,
          expire_at: Date.now() + 3_600_000,
          additional: JSON.stringify({ cart: 'x'.repeat(200) }),
        }));
        for (let from = 0; from < ROWS; from += 200)
          await knex()(`${TABLE}_plans`).insert(rows.slice(from, from + 200));
        await knex().raw(/mysql|mariadb/.test(name) ? `analyze table ${TABLE}_plans` : `analyze ${TABLE}_plans`);
      });
      afterAll(async () => {
        await store.close();
        await knex().schema.dropTableIfExists(`${TABLE}_plans`);
      });

      it('find their rows by the primary key', async () => {
        const { dialect, layout, table, quote } = partsOf(store).place;
        const batches = await dialect.batches(knex(), layout, table, quote);
        const now = Date.now();
        const keys = Array.from({ length: 10 }, (_, i) => `sid-${i * 100}`);
        const rows = keys.map((key) => ({
          ...{ key, token: 1, random: 1, lowest: 0, highest: 2 ** 52, expected: null, now },
          ...{ expireAt: now + 1, text: '{}', values: ['u', dialect.bindValue('binary', Buffer.from(key))] },
        }));
        const statements = {
          read: batches.read(keys, now),
          tokens: batches.tokens(keys, now),
          update: batches.update?.(rows, now),
          touch: batches.touch?.(rows, now),
          remove: batches.remove?.(keys),
        };
        for (const [verb, statement] of Object.entries(statements)) {
          if (statement === undefined) throw new Error(`There is no ${verb} for many rows.`);
          const bindings = statement.bindings as Knex.RawBinding[];
          expect([verb, await READS_ALL[name]?.(knex(), statement.sql, bindings)]).toStrictEqual([verb, false]);
        }
      });
    },
    ['sqlite', 'pglite', 'postgres', 'mariadb', 'mysql'],
    { variants: [] },
  );
});

type ReadsAll = (knex: Knex, sql: string, bindings: Knex.RawBinding[]) => Promise<boolean>;

/** Whether the plan of a statement reads the whole table of sessions. */
const READS_ALL: Readonly<Partial<Record<DatabaseName, ReadsAll>>> = {
  async sqlite(knex, sql, bindings) {
    const steps = (await knex.raw(`explain query plan ${sql}`, bindings)) as { detail: string }[];
    return steps.some(({ detail }) => new RegExp(`^SCAN (t|${TABLE}_plans)`).test(detail));
  },
  postgres: explainPostgres,
  pglite: explainPostgres,
  mariadb: explainMysql,
  mysql: explainMysql,
};

async function explainPostgres(knex: Knex, sql: string, bindings: Knex.RawBinding[]): Promise<boolean> {
  const { rows } = await knex.raw(`explain ${sql}`, bindings);
  return rows.some((row: Record<string, string>) => row['QUERY PLAN']?.includes(`Seq Scan on ${TABLE}_plans`));
}

async function explainMysql(knex: Knex, sql: string, bindings: Knex.RawBinding[]): Promise<boolean> {
  const [rows] = (await knex.raw(`explain format=traditional ${sql}`, bindings)) as [
    { table: string | null; key: string | null; type: string | null }[],
  ];
  const own = rows.filter(({ table }) => table === 't' || table === `${TABLE}_plans`);
  return own.length !== 1 || own.some(({ key, type }) => key !== 'PRIMARY' || type === 'ALL' || type === 'index');
}
