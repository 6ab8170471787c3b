import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { addColumnsMigration, KnexSessionStore, migration, verifySessionTable } from '../src/index.js';
import { failure } from './failure.js';
import { dropMigrations, migrationFiles, migrationsOf } from './migrator.js';

// The fixtures have this name, too.
const TABLE = 'kss_test_migration';
const OPTIONS = {
  tableName: TABLE,
  timestamps: true,
  schemas: [{ name: 'user_id', type: 'string', args: [100], index: true }],
} as const;

describeDatabases('migration', (_, knex) => {
  const stores: { close(): Promise<void> }[] = [];
  const clean = async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex().schema.dropTableIfExists(TABLE);
    await dropMigrations(knex(), TABLE);
  };
  beforeAll(clean);
  afterEach(clean);

  const open = (options: object = OPTIONS) => {
    const store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, sync: false, ...options });
    stores.push(store);
    return store;
  };
  const isThere = () => knex().schema.hasTable(TABLE);

  it('makes the table, and drops it', async () => {
    const { up, down } = migration(OPTIONS);
    await up(knex());
    expect(await verifySessionTable(knex(), OPTIONS)).toEqual([]);
    const store = open();
    await store.set('a', { user_id: 'ada', n: 1 });
    expect(await store.get('a')).toStrictEqual({ user_id: 'ada', n: 1 });
    await down(knex());
    expect(await isThere()).toBe(false);
    await down(knex());
  });

  it.each([true, false])(
    'is run and rolled back by the migrator of knex, in a transaction: %s',
    async (inTransaction) => {
      const config = {
        ...migrationsOf(TABLE, { '1_sessions': migration(OPTIONS) }),
        disableTransactions: !inTransaction,
      };
      expect((await knex().migrate.latest(config))[1]).toEqual(['1_sessions']);
      expect((await knex().migrate.latest(config))[1]).toEqual([]);
      expect(await verifySessionTable(knex(), OPTIONS)).toEqual([]);
      await knex().migrate.rollback(config);
      expect(await isThere()).toBe(false);
      await knex().migrate.up(config);
      expect(await isThere()).toBe(true);
      await knex().migrate.down(config);
      expect(await isThere()).toBe(false);
    },
  );

  it('runs with others, each after the one before, and is rolled back with them', async () => {
    const config = migrationsOf(TABLE, {
      '1_sessions': migration({ tableName: TABLE, timestamps: true }),
      '2_user': addColumnsMigration(OPTIONS, ['user_id']),
    });
    await knex().migrate.latest(config);
    expect(await verifySessionTable(knex(), OPTIONS)).toEqual([]);
    await knex().migrate.down(config);
    expect(await verifySessionTable(knex(), { tableName: TABLE, timestamps: true })).toEqual([]);
    expect(await knex().schema.hasColumn(TABLE, 'user_id')).toBe(false);
    await knex().migrate.latest(config);
    await knex().migrate.rollback(config, true);
    expect(await isThere()).toBe(false);
  });

  it('is a file in the folder of the app, as CommonJS or as a module', async () => {
    const config = migrationFiles(TABLE);
    expect((await knex().migrate.latest(config))[1]).toEqual([
      '20270101000000_sessions.cjs',
      '20270102000000_user.mjs',
    ]);
    const store = open({ schemas: OPTIONS.schemas });
    await store.set('a', { user_id: 'ada' });
    expect(await store.count({ user_id: 'ada' } as object)).toBe(1);
    await knex().migrate.down(config);
    expect(await open({}).get('a')).toStrictEqual({ user_id: 'ada' });
    await knex().migrate.rollback(config, true);
    expect(await isThere()).toBe(false);
  });

  it('leaves a table that fits as it is, and refuses one that does not', async () => {
    const { up } = migration(OPTIONS);
    await up(knex());
    await open().set('a', { user_id: 'ada' });
    await up(knex());
    expect(await open().get('a')).toStrictEqual({ user_id: 'ada' });
    await clean();
    await migration({ tableName: TABLE }).up(knex());
    await expect(up(knex())).rejects.toEqual(failure('TABLE_MISMATCH', "'user_id'"));
  });

  it('fails as a KssError where the database refuses it', async () => {
    const extra = (column: Knex.ColumnBuilder) => column.defaultTo(knex().raw('senseless('));
    const { up } = migration({ tableName: TABLE, schemas: [{ name: 'a', type: 'integer', extra }] });
    await expect(up(knex())).rejects.toEqual(failure('DATABASE'));
    expect(await isThere()).toBe(false);
  });
});

it('is refused with wrong options when its file is loaded', () => {
  expect(() => migration({ table_name: TABLE } as object)).toThrow(failure('INVALID_OPTION', 'tableName'));
});
