import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { handleOf } from '../src/sid.js';
import { everyColumn } from './every-column.js';
import { watch } from './watch.js';

const TABLE = 'kss_test_foreign_rows';
const LATER = 8_000_000_000_000;
const KNOWN: readonly DatabaseName[] = ['sqlite', 'pglite', 'postgres', 'mariadb', 'mysql'];
const POSTGRES = ['pglite', 'postgres'];

/** A literal of SQL, in the words of each database, and what a session has of it. */
interface Written {
  readonly column: string;
  readonly sql: string | { readonly sqlite: string; readonly postgres: string; readonly mysql: string };
  readonly read: unknown;
}

const ANY: readonly Written[] = [
  { column: 'c_boolean', sql: { sqlite: '1', postgres: "'t'", mysql: '1' }, read: true },
  { column: 'c_boolean', sql: { sqlite: '0', postgres: "'off'", mysql: 'false' }, read: false },
  { column: 'c_bigInteger', sql: '9007199254740991', read: 2 ** 53 - 1 },
  { column: 'c_bigInteger', sql: '9007199254740993', read: '9007199254740993' },
  { column: 'c_bigInteger', sql: "'-9223372036854775808'", read: '-9223372036854775808' },
  { column: 'c_bigInteger', sql: "'42'", read: 42 },
  { column: 'c_decimal', sql: '12.5', read: '12.500' },
  { column: 'c_decimal', sql: '-0.001', read: '-0.001' },
  { column: 'c_decimal', sql: '7', read: '7.000' },
  { column: 'c_decimal', sql: '0', read: '0.000' },
  { column: 'c_integer', sql: "'42'", read: 42 },
  { column: 'c_double', sql: '2', read: 2 },
  { column: 'c_double', sql: "'0.1'", read: 0.1 },
  { column: 'c_date', sql: "'2024-02-29'", read: '2024-02-29' },
  { column: 'c_date', sql: "'0001-01-01'", read: '0001-01-01' },
  { column: 'c_time', sql: "'12:34:56'", read: '12:34:56' },
  { column: 'c_uuid', sql: "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", read: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' },
  {
    column: 'c_datetime',
    sql: { sqlite: "'2024-03-10 07:00:00'", postgres: "'2024-03-10 07:00:00+00'", mysql: "'2024-03-10 07:00:00'" },
    read: new Date('2024-03-10T07:00:00.000Z'),
  },
  {
    column: 'c_timestamp',
    sql: {
      sqlite: "'2024-03-10T02:00:00.5-05:00'",
      postgres: "'2024-03-10 02:00:00.5-05'",
      mysql: "'2024-03-10 07:00:00.5'",
    },
    read: new Date('2024-03-10T07:00:00.500Z'),
  },
  {
    column: 'c_timestamp',
    sql: { sqlite: '1710054000123', postgres: 'to_timestamp(1710054000.123)', mysql: "'2024-03-10 07:00:00.123'" },
    read: new Date(1_710_054_000_123),
  },
  {
    column: 'c_timestamp',
    sql: {
      sqlite: "'2024-03-10T07:00:00.123456Z'",
      postgres: "'2024-03-10 07:00:00.123456+00'",
      mysql: "'2024-03-10 07:00:00.123'",
    },
    read: new Date('2024-03-10T07:00:00.123Z'),
  },
  { column: 'c_json', sql: `'{"b": [1, null], "a": {}}'`, read: { b: [1, null], a: {} } },
  { column: 'c_json', sql: "'null'", read: null },
  { column: 'c_json', sql: "'5'", read: 5 },
  {
    column: 'c_binary',
    sql: { sqlite: "x'00ff27'", postgres: `'\\x00ff27'`, mysql: "x'00ff27'" },
    read: Buffer.from([0, 255, 39]),
  },
  { column: 'c_double', sql: '1e300', read: 1e300 },
  { column: 'c_double', sql: '-0.30000000000000004', read: -0.30000000000000004 },
  { column: 'c_string', sql: "'bob '", read: 'bob ' },
  { column: 'c_enum', sql: "'dark blue'", read: 'dark blue' },
];

describe.each([
  { form: 'a table of ours', layout: undefined },
  { form: 'a table without revisions', layout: 'knex-schema-session-store' as const },
])('in $form', ({ layout }) => {
  describeDatabases(
    'a row that another program wrote',
    ({ name }, knex) => {
      // There some databases cannot tell what an instant means, and none what a float was.
      const zoneless = name === 'mariadb' || name === 'mysql';
      const refused = layout === undefined ? [] : ['c_float', ...(zoneless ? ['c_datetime', 'c_timestamp'] : [])];
      const written = ANY.filter(({ column }) => !refused.includes(column));
      const fields = everyColumn(name).filter((field) => !refused.includes(field.name));
      const family = POSTGRES.includes(name) ? 'postgres' : name === 'sqlite' ? 'sqlite' : 'mysql';
      let store: KnexSessionStore<typeof fields>;

      beforeAll(async () => {
        await knex().schema.dropTableIfExists(TABLE);
        store = new KnexSessionStore(knex(), {
          tableName: TABLE,
          schemas: fields,
          gcInterval: 0,
          ...(layout !== undefined && { layout }),
        });
        await store.waitForSync();
      });
      beforeEach(async () => {
        await store.clear();
      });
      afterAll(async () => {
        await store.close();
        await knex().schema.dropTableIfExists(TABLE);
      });

      const insert = async (values: Readonly<Record<string, string>>) => {
        const columns = Object.keys(values).map((column) => knex().ref(column));
        const places = columns.map(() => '??').join(', ');
        const sql = `insert into ?? (${places}) values (${Object.values(values).join(', ').replaceAll('?', '\\?')})`;
        await knex().raw(sql, [TABLE, ...columns]);
      };

      it.each(written.map((one) => [`${one.column} ${JSON.stringify(one.read)}`, one] as const))(
        'has the values that a session has: %s',
        async (_title, { column, sql, read }) => {
          await insert({
            sid: "'one'",
            expire_at: String(LATER),
            [column]: typeof sql === 'string' ? sql : sql[family],
          });
          const found = (await store.find('all', { data: true }))[0];
          expect(found).toMatchObject({
            handle: handleOf('one'),
            expiresAt: new Date(LATER),
            columns: { [column]: read },
          });
          const session = read === null ? {} : { [column]: read }; // a null that is in no JSON is none
          expect(found?.data).toStrictEqual(session);
          const loaded = await store.load('one');
          expect(loaded?.session).toStrictEqual(session);

          const saved = { ...session, n: 1 };
          const seen = watch(knex());
          expect(await store.update('one', saved, { revision: loaded?.revision })).not.toBeNull();
          seen.stop();
          expect(seen.sent).toHaveLength(1);
          expect(await store.get('one')).toStrictEqual(saved);
          if (!column.startsWith('c_json')) expect(await store.count({ [column]: read })).toBe(1);
        },
      );

      it('counts as over where nothing says when it ends', async () => {
        await insert({ sid: "'one'", additional: "'{}'" });
        expect(await store.get('one')).toBeNull();
        expect(await store.update('one', {})).toBeNull();
        expect(await store.gc()).toBe(1);
      });

      it('has the value of the column, or that of the JSON where the column has none', async () => {
        const additional = `'{"c_string":"json","c_integer":1,"c_boolean":null,"n":2}'`;
        await insert({ sid: "'one'", expire_at: String(LATER), c_string: "'column'", additional });
        expect(await store.get('one')).toStrictEqual({ c_string: 'column', c_integer: 1, c_boolean: null, n: 2 });
      });
    },
    KNOWN,
  );
});
