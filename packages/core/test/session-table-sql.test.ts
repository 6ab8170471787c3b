import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { KnexSessionStore, sessionTableSql, verifySessionTable } from '../src/index.js';
import type { DatabaseName } from '../src/offline.js';
import type { SchemaField } from '../src/types.js';
import { fixture, run } from './child.js';
import { everyColumn } from './every-column.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_session_table_sql';
const NAMES: readonly DatabaseName[] = ['sqlite', 'postgres', 'cockroach', 'mysql', 'mariadb', 'mssql', 'oracle'];

const REQUIRED: SchemaField = {
  name: 'kind',
  type: 'string',
  args: [20],
  index: true,
  extra: (column) => column.notNullable().defaultTo("gu'est; or so").comment('whose?'),
};
const everything = (tableName: string, schemaName?: string) => ({
  tableName,
  ...(schemaName !== undefined && { schemaName }),
  sidName: 'id',
  expireAtName: 'ends',
  revisionName: 'version',
  additionalName: 'rest',
  timestamps: true,
  schemas: [
    REQUIRED,
    { name: 'mail', type: 'string', args: [50], extra: (column: Knex.ColumnBuilder) => column.unique() },
    { name: 'seen', type: 'timestamp', index: true },
    { name: 'account', type: 'string', from: 'passport.user', index: true },
    { name: 'tenant', type: 'integer', extra: (column: Knex.ColumnBuilder) => column.unsigned() },
  ] as readonly SchemaField[],
});

describe.each(NAMES)('the table for %s as text', (name) => {
  const hasSchemas = ['postgres', 'cockroach', 'mssql'].includes(name);

  it('is what the store makes by default', () => {
    expect(sessionTableSql({}, name)).toMatchSnapshot();
  });

  it('has everything that was asked for', () => {
    const options = everything('my-sessions', hasSchemas ? 'auth' : undefined);
    expect(sessionTableSql<readonly SchemaField[]>(options, name)).toMatchSnapshot();
  });

  it.skipIf(hasSchemas)('is refused with a schema, where there are none', () => {
    expect(() => sessionTableSql({ schemaName: 'auth' }, name)).toThrow(failure('INVALID_OPTION', 'schemaName'));
  });
});

it.each([
  ['postgresql', 'did you mean postgres?'],
  ['Postgres', 'did you mean postgres?'],
  ['mysql2', 'did you mean mysql?'],
  ['sqlite3', 'did you mean sqlite?'],
  ['oracledb', 'did you mean oracle?'],
  ['cockroachdb', 'did you mean cockroach?'],
  ['redshift', 'mariadb'],
  ['toString', 'postgres'],
  [undefined, 'postgres'],
])('there is no text for %s', (name, says) => {
  expect(() => sessionTableSql({}, name as DatabaseName)).toThrow(failure('INVALID_OPTION', 'is no database', says));
});

it('wrong options are refused', () => {
  expect(() => sessionTableSql({ table_name: 'x' } as object, 'postgres')).toThrow(
    failure('INVALID_OPTION', 'tableName'),
  );
});

it('takes no driver and no connection, and leaves nothing behind that keeps a process alive', async () => {
  const { code, stdout, stderr } = await run(fixture('table-sql.cjs'), [], { ms: 20_000 });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const texts = JSON.parse(stdout) as string[];
  expect(texts).toHaveLength(NAMES.length);
  for (const text of texts) expect(text).toMatch(/^create table [\s\S]*logins[\s\S]*;\n$/i);
});

describeDatabases('the table from its text', ({ name }, knex) => {
  const stores: { close(): Promise<void> }[] = [];
  const clean = async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex().schema.dropTableIfExists(TABLE);
  };
  beforeAll(clean);
  afterEach(clean);

  const make = async (options: object) => {
    const text = sessionTableSql(options, name === 'pglite' ? 'postgres' : name);
    for (const statement of text.split(';\n')) if (statement !== '') await knex().raw(statement.replaceAll('?', '\\?'));
    expect(await verifySessionTable(knex(), options)).toEqual([]);
  };
  const open = (options: object) => {
    const store = new KnexSessionStore<readonly SchemaField[]>(knex(), { ...options, sync: false, gcInterval: 0 });
    stores.push(store);
    return store;
  };

  it.each([
    ['by default', { tableName: TABLE }],
    ['with everything', everything(TABLE)],
    ['with a column of every type', { tableName: TABLE, schemas: everyColumn(name) }],
  ])('fits, and serves a store that makes and checks nothing: %s', async (_, options) => {
    await make(options);
    const store = open(options);
    await store.set('a', { kind: 'member', mail: 'ada@example.org', n: 1, seen: new Date(5), c_string: 'x' });
    expect(await store.get('a')).toMatchObject({ kind: 'member', mail: 'ada@example.org', n: 1, c_string: 'x' });
    const loaded = await store.load('a');
    expect(await store.update('a', { kind: 'member', n: 2 }, { revision: loaded?.revision })).not.toBeNull();
    expect(await store.touch('a', 5000)).toBe(true);
    expect(await store.find('all', { data: true })).toMatchObject([{ data: { n: 2 } }]);
    await store.set('over', { kind: 'member' }, -1);
    expect(await store.gc()).toBe(1);
    await store.destroy('a');
    expect(await store.clear()).toBe(0);
  });
});
