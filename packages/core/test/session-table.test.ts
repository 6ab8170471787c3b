import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  addColumnsMigration,
  createSessionTable,
  dropSessionTable,
  KnexSessionStore,
  verifySessionTable,
} from '../src/index.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_session_table';
const OPTIONS = {
  tableName: TABLE,
  timestamps: true,
  schemas: [
    { name: 'user_id', type: 'string', args: [100], index: true },
    { name: 'mail', type: 'string', args: [50], extra: (column: Knex.ColumnBuilder) => column.unique() },
  ],
} as const;

describeDatabases('createSessionTable and dropSessionTable', ({ name, open: openDatabase }, knex) => {
  const stores: { close(): Promise<void> }[] = [];
  const clean = async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex().schema.dropTableIfExists(TABLE);
  };
  beforeAll(clean);
  afterEach(clean);

  const open = () => {
    const store = new KnexSessionStore(knex(), { ...OPTIONS, sync: false, gcInterval: 0 });
    stores.push(store);
    return store;
  };
  const isThere = () => knex().schema.hasTable(TABLE);

  it('make what the store makes, and drop it', async () => {
    await createSessionTable(knex(), OPTIONS);
    expect(await verifySessionTable(knex(), OPTIONS)).toEqual([]);
    const store = open();
    await store.set('a', { user_id: 'ada', n: 1 });
    expect(await store.find({ user_id: 'ada' }, { data: true })).toMatchObject([
      { columns: { user_id: 'ada', mail: null }, data: { user_id: 'ada', n: 1 }, createdAt: expect.any(Date) },
    ]);
    await dropSessionTable(knex(), OPTIONS);
    expect(await isThere()).toBe(false);
  });

  it('leave a table that is there as it is, and one that is not', async () => {
    await createSessionTable(knex(), OPTIONS);
    await open().set('a', { user_id: 'ada' });
    await createSessionTable(knex(), OPTIONS);
    expect(await open().get('a')).toStrictEqual({ user_id: 'ada' });
    await dropSessionTable(knex(), OPTIONS);
    await dropSessionTable(knex(), OPTIONS);
    expect(await isThere()).toBe(false);
  });

  it('take the longest names', async () => {
    const [tableName, column] = ['kss_test_session_table_'.padEnd(63, 'x'), 'y'.repeat(63)];
    const options = {
      tableName,
      timestamps: true,
      schemas: [{ name: column, type: 'string', args: [50], index: true }],
    } as const;
    await dropSessionTable(knex(), options);
    await createSessionTable(knex(), options);
    expect(await verifySessionTable(knex(), options)).toEqual([]);
    const change = addColumnsMigration(options, [column]);
    await change.down(knex());
    expect(await verifySessionTable(knex(), { ...options, schemas: [] })).toEqual([]);
    await change.up(knex());
    expect(await verifySessionTable(knex(), options)).toEqual([]);
    const store = new KnexSessionStore(knex(), { ...options, gcInterval: 0 });
    await store.set('a', { [column]: 'ada' });
    expect(await store.get('a')).toStrictEqual({ [column]: 'ada' });
    await store.close();
    await dropSessionTable(knex(), options);
  });

  it('may be called many times at once', async () => {
    await Promise.all(Array.from({ length: 12 }, () => createSessionTable(knex(), OPTIONS)));
    expect(await verifySessionTable(knex(), OPTIONS)).toEqual([]);
    await Promise.all(Array.from({ length: 12 }, () => dropSessionTable(knex(), OPTIONS)));
    expect(await isThere()).toBe(false);
  });

  it('refuse a table that does not fit, with what mends it', async () => {
    await createSessionTable(knex(), { tableName: TABLE });
    await expect(createSessionTable(knex(), OPTIONS)).rejects.toEqual(
      failure('TABLE_MISMATCH', "'created_at' is missing", "'user_id' is missing", 'alter table'),
    );
  });

  it('run in a transaction of the app', async () => {
    await knex().transaction(async (trx) => {
      await createSessionTable(trx, OPTIONS);
      await createSessionTable(trx, OPTIONS);
      expect(await verifySessionTable(trx, OPTIONS)).toEqual([]);
    });
    expect(await verifySessionTable(knex(), OPTIONS)).toEqual([]);
    await knex().transaction((trx) => dropSessionTable(trx, OPTIONS));
    expect(await isThere()).toBe(false);
  });

  it('are undone with that transaction, where the database can', async () => {
    const undone = ['sqlite', 'pglite', 'postgres'].includes(name);
    const rolledBack = (work: (trx: Knex.Transaction) => Promise<void>) =>
      knex()
        .transaction(async (trx) => {
          await work(trx);
          throw new Error('no');
        })
        .catch(() => {});
    await rolledBack((trx) => createSessionTable(trx, OPTIONS));
    expect(await isThere()).toBe(!undone);
    await createSessionTable(knex(), OPTIONS);
    await rolledBack((trx) => dropSessionTable(trx, OPTIONS));
    expect(await isThere()).toBe(undone);
  });

  it('fail as a KssError where the database does', async () => {
    if (name === 'pglite') return; // one in this process, which is the suite's
    const gone = openDatabase();
    await gone.destroy();
    for (const work of [createSessionTable, dropSessionTable, verifySessionTable]) {
      await expect(work(gone, OPTIONS)).rejects.toEqual(failure('DATABASE'));
    }
  });
});

describe.each([
  ['createSessionTable', createSessionTable],
  ['dropSessionTable', dropSessionTable],
  ['verifySessionTable', verifySessionTable],
])('%s', (_, work) => {
  it('refuses wrong options before it asks the database', async () => {
    await expect(work(undefined as never, { table_name: TABLE } as object)).rejects.toEqual(
      failure('INVALID_OPTION', 'tableName'),
    );
  });

  it.each([undefined, null, {}, () => {}])('refuses what is no knex: %o', async (knex) => {
    await expect(work(knex as never, OPTIONS)).rejects.toEqual(failure('INVALID_OPTION', 'knex'));
  });
});
