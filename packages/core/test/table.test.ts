import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import type { SchemaField } from '../src/types.js';
import { binary } from './mismatch.js';

const TABLE = 'kss_test_table';

const SCHEMAS: readonly SchemaField[] = [
  { name: 'user_id', type: 'string', args: [100], index: true },
  { name: 'note', type: 'text' },
  { name: 'mood', type: 'enum', args: [['glad', 'sad']] },
  { name: 'seen', type: 'timestamp', index: true },
  { name: 'device', type: 'uuid', extra: (column) => column.notNullable() },
];

interface Column {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
}

const NULLABLE = true;
const column = (name: string, type: string, nullable = false): Column => ({ name, type, nullable });
const instants = ['expire_at', 'revision'].map((name) => column(name, 'bigint'));
const stamps = ['created_at', 'updated_at'].map((name) => column(name, 'bigint', NULLABLE));

const POSTGRES: readonly Column[] = [
  column('sid', 'character varying(255)'),
  ...instants,
  ...stamps,
  column('user_id', 'character varying(100)', NULLABLE),
  column('note', 'text', NULLABLE),
  column('mood', 'text', NULLABLE),
  column('seen', 'timestamp with time zone', NULLABLE),
  column('device', 'uuid'),
  column('additional', 'text', NULLABLE),
];

/** The table that the README shows for each database, the JSON text last. */
const COLUMNS: Readonly<Partial<Record<DatabaseName, readonly Column[]>>> = {
  sqlite: [
    column('sid', 'varchar(255)'),
    ...instants,
    ...stamps,
    column('user_id', 'varchar(100)', NULLABLE),
    column('note', 'text', NULLABLE),
    column('mood', 'text', NULLABLE),
    column('seen', 'datetime', NULLABLE),
    column('device', 'char(36)'),
    column('additional', 'text', NULLABLE),
  ],
  pglite: POSTGRES,
  postgres: POSTGRES,
  mariadb: ofMySql('bigint(20)', 'utf8mb4_nopad_bin'),
  mysql: ofMySql('bigint', 'utf8mb4_0900_bin'),
};

function ofMySql(bigint: string, collation: string): readonly Column[] {
  return [
    column('sid', 'varchar(255) utf8mb4_bin'),
    ...instants.map(({ name }) => column(name, bigint)),
    ...stamps.map(({ name }) => column(name, bigint, NULLABLE)),
    column('user_id', `varchar(100) ${collation}`, NULLABLE),
    column('note', `text ${collation}`, NULLABLE),
    column('mood', `enum('glad','sad') ${collation}`, NULLABLE),
    column('seen', 'datetime(3)', NULLABLE),
    column('device', expect.stringMatching(/^char\(36\) /)),
    column('additional', 'longtext utf8mb4_bin', NULLABLE),
  ];
}

/** The columns of the table in their order, as the database says it. */
const readColumns: Readonly<Partial<Record<DatabaseName, (knex: Knex) => Promise<Column[]>>>> = {
  async sqlite(knex) {
    const rows = await knex.raw(`pragma table_info(${TABLE})`);
    return (rows as { name: string; type: string; notnull: number }[]).map(({ name, type, notnull }) =>
      column(name, type.toLowerCase(), notnull === 0),
    );
  },
  pglite: readPostgresColumns,
  postgres: readPostgresColumns,
  mariadb: readMySqlColumns,
  mysql: readMySqlColumns,
};

async function readMySqlColumns(knex: Knex): Promise<Column[]> {
  const [rows] = await knex.raw(`show full columns from ${TABLE}`);
  return (rows as { Field: string; Type: string; Collation: string | null; Null: string }[]).map((row) =>
    column(row.Field, row.Collation === null ? row.Type : `${row.Type} ${row.Collation}`, row.Null === 'YES'),
  );
}

async function readPostgresColumns(knex: Knex): Promise<Column[]> {
  const { rows } = await knex.raw(
    `select attname as name, format_type(atttypid, atttypmod) as type, not attnotnull as nullable
       from pg_attribute where attrelid = ?::regclass and attnum > 0 and not attisdropped order by attnum`,
    [TABLE],
  );
  return (rows as Column[]).map(({ name, type, nullable }) => column(name, type, nullable));
}

/** The columns that have an index, the primary key's as `sid!`. */
const readIndexes: Readonly<Partial<Record<DatabaseName, (knex: Knex) => Promise<string[]>>>> = {
  async sqlite(knex) {
    const rows = await knex.raw(
      `select ii.name || iif(il.origin = 'pk', '!', '') as name
         from pragma_index_list('${TABLE}') il, pragma_index_info(il.name) ii`,
    );
    return (rows as { name: string }[]).map(({ name }) => name).sort();
  },
  pglite: readPostgresIndexes,
  postgres: readPostgresIndexes,
  mariadb: readMySqlIndexes,
  mysql: readMySqlIndexes,
};

async function readMySqlIndexes(knex: Knex): Promise<string[]> {
  const [rows] = await knex.raw(`show index from ${TABLE}`);
  return (rows as { Column_name: string; Key_name: string }[])
    .map((row) => `${row.Column_name}${row.Key_name === 'PRIMARY' ? '!' : ''}`)
    .sort();
}

async function readPostgresIndexes(knex: Knex): Promise<string[]> {
  const { rows } = await knex.raw(
    `select attname || case when indisprimary then '!' else '' end as name
       from pg_index join pg_attribute on attrelid = indrelid and attnum = any(indkey) where indrelid = ?::regclass`,
    [TABLE],
  );
  return (rows as { name: string }[]).map(({ name }) => name).sort();
}

function known<T>(name: DatabaseName, of: Readonly<Partial<Record<DatabaseName, T>>>): T {
  const found = of[name];
  if (found === undefined) throw new Error(`This test does not know what the table looks like on ${name}.`);
  return found;
}

describeDatabases('the table', ({ name }, knex) => {
  const stores: { close(): Promise<void> }[] = [];
  const clean = async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex().schema.dropTableIfExists(TABLE);
  };
  beforeAll(clean);
  afterEach(clean);

  const open = (options: object = {}) => {
    const store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, ...options });
    stores.push(store);
    return store;
  };

  const columns = () => known(name, readColumns)(knex());
  const indexes = () => known(name, readIndexes)(knex());

  it('is made with its columns in order, and its indexes', async () => {
    await open({ schemas: SCHEMAS, timestamps: true }).waitForSync();
    expect(await columns()).toEqual(known(name, COLUMNS));
    expect(await indexes()).toEqual(['expire_at', 'seen', 'sid!', 'user_id']);
  });

  it('is made with its own columns alone, under the names that were asked for', async () => {
    await open({ sidName: 'id', expireAtName: 'ends', additionalName: 'rest', revisionName: 'version' }).waitForSync();
    expect((await columns()).map((one) => one.name)).toEqual(['id', 'ends', 'version', 'rest']);
    expect(await indexes()).toEqual(['ends', 'id!']);
  });

  it('is left as it is where it is there', async () => {
    await open({ schemas: SCHEMAS, timestamps: true }).waitForSync();
    await knex()(TABLE).insert({ sid: 'x', expire_at: 1, device: '00000000-0000-0000-0000-000000000000' });
    const before = [await columns(), await indexes()];
    await open({ schemas: SCHEMAS, timestamps: true }).waitForSync();
    await open().waitForSync();
    expect([await columns(), await indexes()]).toEqual(before);
    expect(await knex()(TABLE).select('sid', 'additional')).toEqual([{ sid: 'x', additional: null }]);
  });

  it('may have more columns than the store knows, and columns in another order', async () => {
    await knex().schema.createTable(TABLE, (table) => {
      table.text('additional', 'longtext');
      table.string('tenant').defaultTo('one');
      table.bigInteger('revision').notNullable().defaultTo(0);
      binary(table.string('sid', 300), name).primary();
      table.bigInteger('expire_at').notNullable();
    });
    const store = open();
    await store.set('a', { n: 1 });
    expect(await store.get('a')).toStrictEqual({ n: 1 });
    expect(await knex()(TABLE).select('sid', 'tenant')).toEqual([{ sid: 'a', tenant: 'one' }]);
  });

  it('calls what a schema column has in addition once, with the builder of that column', async () => {
    let calls = 0;
    const extra: SchemaField['extra'] = (made) => {
      calls += 1;
      return made.notNullable().defaultTo('none');
    };
    await open({ schemas: [{ name: 'user_id', type: 'string', extra }] }).waitForSync();
    expect(calls).toBe(1);
    await knex()(TABLE).insert({ sid: 'x', expire_at: 1 });
    expect(await knex()(TABLE).pluck('user_id')).toEqual(['none']);
  });

  it('takes forty first saves of one sid at once, through one store', async () => {
    const store = open({ schemas: SCHEMAS.slice(0, 1) });
    await Promise.all(Array.from({ length: 40 }, (_, n) => store.set('first', { user_id: `user-${n}`, n })));
    expect(await store.get('first')).toStrictEqual({ user_id: 'user-39', n: 39 });
    expect(await knex()(TABLE)).toHaveLength(1);
  });

  it('takes forty first saves of one sid at once, through eight stores that make the table', async () => {
    const opened = Array.from({ length: 8 }, () => open({ schemas: SCHEMAS.slice(0, 1), syncTimeout: 30_000 }));
    const saves = Array.from({ length: 5 }, (_, n) =>
      opened.map((store, i) => store.set('first', { user_id: `user-${i}`, n })),
    );
    await Promise.all(saves.flat());
    const [session, ...others] = await Promise.all(opened.map((store) => store.get('first')));
    expect(session).toStrictEqual({ user_id: expect.stringMatching(/^user-\d$/), n: 4 });
    for (const other of others) expect(other).toStrictEqual(session);
    expect(await knex()(TABLE)).toHaveLength(1);
  });
});
