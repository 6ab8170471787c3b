import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import type { SchemaField } from '../src/types.js';
import { everyColumn } from './every-column.js';
import { failure } from './failure.js';
import { binary, mend, mismatchOf } from './mismatch.js';

const TABLE = 'kss_test_table_missing';

describeDatabases('a table that lacks a column', ({ name }, knex) => {
  const stores: { close(): Promise<void> }[] = [];
  const clean = async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex().schema.dropTableIfExists(TABLE);
  };
  beforeAll(clean);
  afterEach(clean);

  const open = (options: object = {}) => {
    const store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, onError() {}, ...options });
    stores.push(store);
    return store;
  };

  const makeTable = (table: (made: Knex.CreateTableBuilder, sid: () => Knex.ColumnBuilder) => void) =>
    knex().schema.createTable(TABLE, (made) => {
      table(made, () => binary(made.string('sid', 255), name).notNullable().primary());
    });

  const user: SchemaField = { name: 'user_id', type: 'string', args: [100], index: true };

  it('is refused with the statements that add them, and fits after these', async () => {
    const before = open();
    await before.set('old', { user_id: 'ada', n: 1 });
    const after = open({ schemas: [user, { name: 'seen', type: 'timestamp' }], timestamps: true });
    const error = await mismatchOf(after);
    expect(error).toEqual(
      failure('TABLE_MISMATCH', TABLE, 'created_at', 'updated_at', 'user_id', 'seen', 'alter table'),
    );
    await expect(after.get('old')).rejects.toEqual(failure('TABLE_MISMATCH'));
    await mend(knex(), error);
    await after.waitForSync();
    expect(await after.get('old')).toStrictEqual({ user_id: 'ada', n: 1 });
    await after.set('new', { user_id: 'bob', seen: new Date(5) });
    expect(await after.count({ user_id: 'bob' } as object)).toBe(1);
    await open({ schemas: [user, { name: 'seen', type: 'timestamp' }], timestamps: true }).waitForSync();
  });

  it.each(everyColumn(name).map((field) => [field.name, field] as const))('%s is added', async (_, field) => {
    await open().set('old', { n: 1 });
    const after = open({ schemas: [field] });
    await mend(knex(), await mismatchOf(after));
    await after.waitForSync();
    expect(await after.get('old')).toStrictEqual({ n: 1 });
  });

  it('is mended with indexes, defaults and unique indexes, as the column would have been made', async () => {
    await open().set('old', { n: 1 });
    const after = open({
      schemas: [
        { ...user, extra: (column: Knex.ColumnBuilder) => column.unique() },
        {
          name: 'kind',
          type: 'string',
          args: [20],
          extra: (column: Knex.ColumnBuilder) => column.defaultTo("o'ld"),
        },
      ],
    });
    await mend(knex(), await mismatchOf(after));
    await after.waitForSync();
    expect(await after.get('old')).toStrictEqual({ kind: "o'ld", n: 1 });
    await after.set('new', { user_id: 'bob' });
    await expect(after.set('other', { user_id: 'bob' })).rejects.toEqual(failure('COLUMN_VALUE'));
  });

  it.each([
    ['an empty table', 0],
    ['a table with rows', 1],
  ])('of our own is added to %s', async (_, rows) => {
    for (const lacking of ['revision', 'additional', 'expire_at']) {
      await makeTable((made, sid) => {
        sid();
        if (lacking !== 'expire_at') made.bigInteger('expire_at').notNullable();
        if (lacking !== 'revision') made.bigInteger('revision').notNullable().defaultTo(0);
        if (lacking !== 'additional') made.text('additional', 'longtext');
      });
      if (rows > 0) await knex()(TABLE).insert(lacking === 'expire_at' ? { sid: 'x' } : { sid: 'x', expire_at: 1 });
      const store = open();
      const error = await mismatchOf(store);
      expect(error).toEqual(failure('TABLE_MISMATCH', `'${lacking}'`));
      await mend(knex(), error);
      await store.waitForSync();
      await store.set('a', { n: 1 });
      expect(await store.get('a')).toStrictEqual({ n: 1 });
      await clean();
    }
  });

  it('is refused though it is quite another table', async () => {
    await knex().schema.createTable(TABLE, (made) => {
      made.integer('id').primary();
      made.string('title');
    });
    const error = await mismatchOf(open());
    expect(error).toEqual(failure('TABLE_MISMATCH', "'sid'", "'expire_at'", "'revision'", "'additional'"));
  });
});
