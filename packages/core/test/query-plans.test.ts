import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { layoutOf } from '../src/layout.js';
import { resolveOptions } from '../src/options.js';
import { placeOf } from '../src/place.js';

const TABLE = 'kss_test_query_plans';
const LIVE = 4000;
const EXPIRED = 200;
const ACCOUNTS = 400;
const KNOWN: readonly DatabaseName[] = ['sqlite', 'pglite', 'postgres', 'mariadb', 'mysql'];

const schemas = [{ name: 'user_id', type: 'string', args: [100], index: true }] as const;
const options = { tableName: TABLE, schemas, gcInterval: 0 };

interface Query {
  readonly sql: string;
  readonly bindings: readonly unknown[];
}

describeDatabases(
  'the plan of a statement',
  ({ name }, knex) => {
    const place = () => placeOf(knex(), layoutOf(resolveOptions(options)));
    let store: KnexSessionStore<typeof schemas>;

    beforeAll(async () => {
      await knex().schema.dropTableIfExists(TABLE);
      store = new KnexSessionStore(knex(), options);
      await store.waitForSync();
      const now = Date.now();
      const rows = Array.from({ length: LIVE + EXPIRED }, (_, i) => ({
        sid: `sid-${i}`,
        expire_at: now + (i < LIVE ? 60_000 + i * 1000 : -1 - i),
        user_id: `user-${i % ACCOUNTS}`,
        additional: JSON.stringify({ cart: 'x'.repeat(200) }),
      }));
      for (let from = 0; from < rows.length; from += 200) await knex()(TABLE).insert(rows.slice(from, from + 200));
      await knex().raw(/mysql|mariadb/.test(name) ? `analyze table ${TABLE}` : `analyze ${TABLE}`);
    });
    afterAll(async () => {
      await store.close();
      await knex().schema.dropTableIfExists(TABLE);
    });

    /** The indexes that the plan goes through, and whether it also reads a whole table. */
    const plan = ({ sql, bindings }: Query) =>
      PLANS[name]?.(knex(), sql, bindings as Knex.RawBinding[]) ?? Promise.reject();
    const indexOn = async (column: string, value: unknown) => {
      const { indexes } = await plan({ sql: 'select 1 from ?? where ?? = ?', bindings: [TABLE, column, value] });
      return indexes[0];
    };

    /** The statements that a call sends, as knex reports them. */
    const sentBy = async (call: () => Promise<unknown>): Promise<Query[]> => {
      const sent: Query[] = [];
      const note = (query: Query) => sent.push({ sql: query.sql.replace(/\$\d+/g, '?'), bindings: query.bindings });
      knex().on('query', note);
      await call();
      knex().removeListener('query', note);
      return sent;
    };

    it('that collects expired rows goes through the index on the expiry, and never over the table', async () => {
      const { dialect, layout, table, quote } = place();
      const { indexes, whole } = await plan(dialect.deleteExpired(layout, table, quote, Date.now(), 1000));
      expect(indexes).toContain(await indexOn('expire_at', 5));
      expect(whole).toBe(false);
    });

    it('that finds the sessions of an account goes through the index on it', async () => {
      const index = await indexOn('user_id', 'user-7');
      for (const call of [
        () => store.find({ user_id: 'user-7' }),
        () => store.count({ user_id: 'user-7' }),
        () => store.destroyWhere({ user_id: 'nobody' }),
      ]) {
        const [query] = await sentBy(call);
        const { indexes, whole } = await plan(query as Query);
        expect({ ...query, indexes, whole }).toMatchObject({ indexes: expect.arrayContaining([index]), whole: false });
      }
    });

    it('that reads or changes one session goes through the primary key', async () => {
      const primary = await indexOn('sid', 'sid-7');
      for (const call of [
        () => store.get('sid-7'),
        () => store.update('sid-7', {}),
        () => store.touch('sid-7', 60_000),
        () => store.destroy('none'),
      ]) {
        const [query] = await sentBy(call);
        const { indexes, whole } = await plan(query as Query);
        expect({ ...query, indexes, whole }).toMatchObject({ indexes: [primary], whole: false });
      }
    });
  },
  KNOWN,
  { variants: [] }, // plans are a matter of the server
);

interface Plan {
  readonly indexes: readonly string[];
  readonly whole: boolean;
}

type Explain = (knex: Knex, sql: string, bindings: Knex.RawBinding[]) => Promise<Plan>;

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

const PLANS: Readonly<Partial<Record<DatabaseName, Explain>>> = {
  sqlite: explainSqlite,
  pglite: explainPostgres,
  postgres: explainPostgres,
  mariadb: explainMysql,
  mysql: explainMysql,
};

/** sqlite.org/eqp.html: SCAN reads all rows, SEARCH those of an index. */
async function explainSqlite(knex: Knex, sql: string, bindings: Knex.RawBinding[]): Promise<Plan> {
  const steps = (await knex.raw(`explain query plan ${sql}`, bindings)) as { detail: string }[];
  const details = steps.map(({ detail }) => detail);
  return {
    indexes: details.flatMap((detail) => / USING (?:COVERING )?INDEX (\S+)/.exec(detail)?.[1] ?? []),
    whole: details.some((detail) => /^SCAN \S+$/.test(detail)),
  };
}

async function explainPostgres(knex: Knex, sql: string, bindings: Knex.RawBinding[]): Promise<Plan> {
  const { rows } = await knex.raw(`explain (format json) ${sql}`, bindings);
  const [{ Plan }] = rows[0]['QUERY PLAN'] as [{ Plan: PlanNode }];
  const nodes = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodes)];
  return {
    indexes: nodes(Plan).flatMap((node) => node['Index Name'] ?? []),
    whole: nodes(Plan).some((node) => node['Node Type'] === 'Seq Scan'),
  };
}

/** The type ALL reads all rows, `index` all entries of an index (dev.mysql.com, "EXPLAIN Output Format"). */
async function explainMysql(knex: Knex, sql: string, bindings: Knex.RawBinding[]): Promise<Plan> {
  const [rows] = (await knex.raw(`explain format=traditional ${sql}`, bindings)) as [
    { key: string | null; type: string | null }[],
  ];
  return {
    indexes: rows.flatMap(({ key }) => key ?? []),
    whole: rows.some(({ type }) => type === 'ALL' || type === 'index'),
  };
}
