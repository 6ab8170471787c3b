import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addColumnsMigration, createSessionTable, KnexSessionStore, verifySessionTable } from '../src/index.js';
import type { SchemaField } from '../src/types.js';
import { failure } from './failure.js';
import { dropMigrations, migrationsOf } from './migrator.js';

const TABLE = 'kss_test_add_columns';
const USER: SchemaField = { name: 'user_id', type: 'string', args: [100], index: true };
const KIND: SchemaField = {
  name: 'kind',
  type: 'string',
  args: [20],
  extra: (column) => column.notNullable().defaultTo('guest'),
};
const MAIL: SchemaField = { name: 'mail', type: 'string', args: [50], extra: (column) => column.unique() };
const OLD = { tableName: TABLE, schemas: [] as readonly SchemaField[] };
const NEW = { tableName: TABLE, schemas: [USER, KIND, MAIL] as readonly SchemaField[] };
const ALL = ['user_id', 'kind', 'mail'];

describeDatabases('addColumnsMigration', (_, knex) => {
  const stores: { close(): Promise<void> }[] = [];
  const clean = async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex().schema.dropTableIfExists(TABLE);
    await dropMigrations(knex(), TABLE);
  };
  beforeAll(clean);
  afterEach(clean);

  const open = (options: { schemas: readonly SchemaField[] }) => {
    const store = new KnexSessionStore<readonly SchemaField[]>(knex(), {
      ...OLD,
      gcInterval: 0,
      sync: false,
      ...options,
    });
    stores.push(store);
    return store;
  };
  const problems = (options = NEW) => verifySessionTable(knex(), options);

  it('adds the columns with their indexes and all that was declared, and every session that lives is read as before', async () => {
    await createSessionTable(knex(), OLD);
    const before = open(OLD);
    // `kind` has a default, which is not the session's.
    const ada = { user_id: 'ada', mail: 'ada@example.org', kind: 'member', n: 1, deep: { user_id: 'x' } };
    await before.set('a', ada);
    await before.set('b', { n: 2 });
    await addColumnsMigration(NEW, ALL).up(knex());
    expect(await problems()).toEqual([]);
    const after = open(NEW);
    expect(await after.get('a')).toStrictEqual(ada);
    expect(await after.get('b')).toStrictEqual({ kind: 'guest', n: 2 });
    await after.set('c', { user_id: 'bob', mail: 'bob@example.org', kind: 'member' });
    expect(await after.count({ user_id: 'bob' })).toBe(1);
    await expect(after.set('d', { kind: 'member', mail: 'bob@example.org' })).rejects.toEqual(failure('COLUMN_VALUE'));
    await knex()(TABLE).insert({ sid: 'raw', expire_at: 1 });
    expect(await knex()(TABLE).where({ sid: 'raw' }).pluck('kind')).toEqual(['guest']);
  });

  it('adds those that are named, and leaves what is there', async () => {
    await createSessionTable(knex(), { ...OLD, schemas: [USER] });
    await open({ schemas: [USER] }).set('a', { user_id: 'ada' });
    const { up } = addColumnsMigration(NEW, ['mail', 'user_id']);
    await up(knex());
    await up(knex());
    expect((await problems()).map(({ kind, column }) => [kind, column])).toEqual([['missing', 'kind']]);
    expect(await knex()(TABLE).pluck('user_id')).toEqual(['ada']);
  });

  it('adds the index of a column that has none, as an earlier try that was cut off left it', async () => {
    await createSessionTable(knex(), {
      ...OLD,
      schemas: [{ ...USER, index: false }, KIND, { ...MAIL, extra: () => {} } as SchemaField],
    });
    expect((await problems()).map(({ kind, column }) => [kind, column])).toEqual([
      ['index', 'user_id'],
      ['index', 'mail'],
    ]);
    await addColumnsMigration(NEW, ALL).up(knex());
    expect(await problems()).toEqual([]);
  });

  it.each([true, false])('goes up and down by the migrator of knex, in a transaction: %s', async (inTransaction) => {
    await createSessionTable(knex(), OLD);
    const config = {
      ...migrationsOf(TABLE, { '2_columns': addColumnsMigration(NEW, ALL) }),
      disableTransactions: !inTransaction,
    };
    await open(OLD).set('a', { user_id: 'ada', n: 1 });
    await knex().migrate.latest(config);
    expect(await problems()).toEqual([]);
    const session = { user_id: 'ada', kind: 'member', mail: 'ada@example.org', n: 2 };
    await open(NEW).set('a', session);
    await knex().migrate.rollback(config);
    expect(await open(OLD).get('a')).toStrictEqual(session);
    expect((await problems()).map(({ kind, column }) => [kind, column])).toEqual(ALL.map((name) => ['missing', name]));
    await knex().migrate.latest(config);
    expect(await problems()).toEqual([]);
    expect(await open(NEW).get('a')).toStrictEqual(session);
  });

  it('can be taken back together with the transaction around it', async () => {
    if (!['sqlite', 'pglite', 'postgres'].includes(_.name)) return;
    await createSessionTable(knex(), NEW);
    await open(NEW).set('a', { user_id: 'ada', kind: 'member' });
    const failing = knex().transaction(async (trx: Knex.Transaction) => {
      await addColumnsMigration(NEW, ALL).down(trx);
      throw new Error('the next step failed');
    });
    await expect(failing).rejects.toThrow('the next step failed');
    expect(await problems()).toEqual([]);
    expect(await open(NEW).count({ user_id: 'ada' })).toBe(1);
  });

  it('says so where there is no table', async () => {
    const { up, down } = addColumnsMigration(NEW, ALL);
    await expect(up(knex())).rejects.toEqual(failure('TABLE_MISMATCH', `no table '${TABLE}'`));
    await down(knex());
    expect(await knex().schema.hasTable(TABLE)).toBe(false);
  });

  it('fails as a KssError where the database refuses the column, and leaves no part of it', async () => {
    await createSessionTable(knex(), OLD);
    const extra = (column: Knex.ColumnBuilder) => column.defaultTo(knex().raw('senseless('));
    const { up } = addColumnsMigration({ tableName: TABLE, schemas: [{ name: 'a', type: 'integer', extra }] }, ['a']);
    await expect(up(knex())).rejects.toEqual(failure('DATABASE'));
    expect(await problems(OLD)).toEqual([]);
    expect(await knex().schema.hasColumn(TABLE, 'a')).toBe(false);
  });
});

describe('the names of addColumnsMigration', () => {
  it.each([
    ['nothing', undefined, 'second argument'],
    ['no name', [], 'second argument'],
    ['a text', 'user_id', 'second argument'],
    ['a name that is near', ['userid'], 'did you mean user_id'],
    ['a name that is not declared', ['tenant'], 'user_id, kind, mail'],
    ['a column of our own', ['expire_at'], 'no column of schemas'],
    ['a number', [5], 'no column of schemas'],
    ['null among them', ['user_id', null], 'no column of schemas'],
  ])('are refused: %s', (_, names, says) => {
    expect(() => addColumnsMigration(NEW, names as string[])).toThrow(failure('INVALID_OPTION', says));
  });

  it('are looked up in options that are right', () => {
    expect(() => addColumnsMigration({ ...NEW, sync: 'no' } as object, ['user_id'] as never[])).toThrow(
      failure('INVALID_OPTION', 'sync'),
    );
  });
});
