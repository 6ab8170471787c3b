import { deepStrictEqual } from 'node:assert';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import type { Knex } from 'knex';
import { afterEach, beforeAll, expect, it } from 'vitest';
import {
  addColumnsMigration,
  backfill,
  createSessionTable,
  encryption,
  KnexSessionStore,
  verifySessionTable,
} from '../src/index.js';
import type { SchemaField, StoreOptions } from '../src/types.js';
import { anySession, everyColumn } from './every-column.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_add_columns_down';
const PARENT = 'kss_test_add_columns_parent';
const CHILD = 'kss_test_add_columns_child';
const asJson = (session: object) => JSON.parse(JSON.stringify(session)) as object;

describeDatabases('addColumnsMigration, taken back', ({ name }, knex) => {
  const stores: { close(): Promise<void> }[] = [];
  const clean = async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex().schema.dropTableIfExists(CHILD);
    await knex().schema.dropTableIfExists(TABLE);
    await knex().schema.dropTableIfExists(PARENT);
  };
  beforeAll(clean);
  afterEach(clean);

  const fields = everyColumn(name);
  const old = { tableName: TABLE, timestamps: true } as const;
  const open = (schemas: readonly SchemaField[], options: object = {}) => {
    const store = new KnexSessionStore<readonly SchemaField[]>(knex(), {
      ...old,
      gcInterval: 0,
      sync: false,
      onError() {},
      schemas,
      ...options,
    });
    stores.push(store);
    return store;
  };
  const change = (schemas: readonly SchemaField[], options: object = {}) =>
    addColumnsMigration<readonly SchemaField[]>(
      { ...old, ...options, schemas },
      schemas.map((field) => field.name),
    );
  const make = (schemas: readonly SchemaField[], options: StoreOptions = {}) =>
    createSessionTable<readonly SchemaField[]>(knex(), { ...old, ...options, schemas });
  const isOld = async () => expect(await verifySessionTable(knex(), old)).toEqual([]);
  const columnsLeft = async () => {
    const columns = Object.keys(await knex()(TABLE).columnInfo());
    return columns.filter(
      (column) => !['sid', 'expire_at', 'revision', 'created_at', 'updated_at', 'additional'].includes(column),
    );
  };

  it('puts the values of every type into the JSON, and up brings them back', async () => {
    await make(fields);
    const sessions = fc.sample(anySession(fields), { numRuns: 60, seed: 7 });
    const before = open(fields);
    await Promise.all(sessions.map((session, i) => before.set(`sid ${i}`, session, 1_000_000)));
    await before.set('over', { c_string: 'x' }, -1);
    const rows = () => knex()(TABLE).orderBy('sid').select('sid', 'expire_at', 'created_at', 'updated_at');
    const untouched = await rows();

    await change(fields).down(knex());
    await isOld();
    expect(await columnsLeft()).toEqual([]);
    const after = open([]);
    for (const [i, session] of sessions.entries()) deepStrictEqual(await after.get(`sid ${i}`), asJson(session));
    expect(await rows()).toEqual(untouched);

    await change(fields).up(knex());
    const again = open(fields);
    await backfill(again);
    for (const [i, session] of sessions.entries()) deepStrictEqual(await again.get(`sid ${i}`), session);
    expect(await rows()).toEqual(untouched);
  });

  it('does so across the chunks in which it reads', async () => {
    const schemas: readonly SchemaField[] = [{ name: 'user_id', type: 'string', index: true }];
    await make(schemas);
    const before = open(schemas);
    await Promise.all(Array.from({ length: 1101 }, (_, i) => before.set(`s${i}`, { user_id: `u${i}`, n: i })));
    await change(schemas).down(knex());
    await isOld();
    const found = await open([]).find('all', { limit: Number.POSITIVE_INFINITY, data: true });
    expect(found.map(({ data }) => data?.user_id === `u${data?.n}`)).toEqual(Array(1101).fill(true));
  });

  it('drops some of the columns, and leaves the others and what is derived as they are', async () => {
    const schemas: readonly SchemaField[] = [
      { name: 'user_id', type: 'string', index: true },
      { name: 'tenant', type: 'integer', index: true },
      { name: 'account', type: 'string', from: 'passport.user', index: true },
      { name: 'score', type: 'float', index: true },
    ];
    await make(schemas);
    const session = { user_id: 'ada', tenant: 5, passport: { user: 'ada' }, score: 0.1 };
    await open(schemas).set('a', session);
    await addColumnsMigration<readonly SchemaField[]>({ ...old, schemas }, ['user_id', 'account', 'score']).down(
      knex(),
    );
    expect(await columnsLeft()).toEqual(['tenant']);
    const left = open(schemas.filter((field) => field.name === 'tenant'));
    expect(await left.get('a')).toStrictEqual(session);
    expect(await left.count({ tenant: 5 })).toBe(1);
  });

  it.each([
    ['made with the table', false],
    ['added later', true],
  ])(
    'drops what is required, unique, has a default, a key of another table, or several of these: %s',
    async (_, later) => {
      await knex().schema.createTable(PARENT, (table) => void table.integer('id').notNullable().primary());
      await knex()(PARENT).insert({ id: 7 });
      const schemas: readonly SchemaField[] = [
        { name: 'kind', type: 'string', args: [20], extra: (column) => column.notNullable().defaultTo('guest') },
        { name: 'mail', type: 'string', args: [50], index: true, extra: (column) => column.unique() },
        {
          name: 'parent',
          type: 'integer',
          index: true,
          extra: (column) => (column as Knex.ColumnBuilder).references('id').inTable(PARENT).onDelete('CASCADE'),
        },
        { name: 'mood', type: 'enum', args: [['glad', 'sad']] },
      ];
      if (later) {
        await make([]);
        await change(schemas).up(knex());
      } else await make(schemas);
      const session = { kind: 'member', mail: 'ada@example.org', parent: 7, mood: 'glad' };
      await open(schemas).set('a', session);
      if (name !== 'sqlite')
        await expect(open(schemas).set('b', { kind: 'member', parent: 8 })).rejects.toEqual(failure('COLUMN_VALUE'));
      await change(schemas).down(knex());
      await isOld();
      expect(await columnsLeft()).toEqual([]);
      expect(await open([]).get('a')).toStrictEqual(session);
      await knex()(PARENT).delete();
      expect(await open([]).get('a')).toStrictEqual(session);
    },
  );

  it('keeps the rows of other tables that refer to sessions', async () => {
    const schemas: readonly SchemaField[] = [{ name: 'user_id', type: 'string', args: [100], index: true }];
    await make(schemas);
    await open(schemas).set('a', { user_id: 'ada' });
    if (name === 'sqlite') await knex().raw('pragma foreign_keys = on');
    await knex().schema.createTable(CHILD, (table) => {
      const sid = table.string('sid', 255);
      if (['mariadb', 'mysql'].includes(name)) sid.collate('utf8mb4_bin');
      sid.references('sid').inTable(TABLE).onDelete('CASCADE');
    });
    await knex()(CHILD).insert({ sid: 'a' });
    await knex().transaction(async (trx) => change(schemas).down(trx));
    await isOld();
    expect(await knex()(CHILD).pluck('sid')).toEqual(['a']);
    await open([]).destroy('a');
    expect(await knex()(CHILD).pluck('sid')).toEqual([]);
    if (name === 'sqlite') await knex().raw('pragma foreign_keys = off');
  });

  it('leaves what an instance without the columns wrote since, and reads through a codec and digests of sids', async () => {
    const schemas: readonly SchemaField[] = [{ name: 'user_id', type: 'string' }];
    const options = { hashSid: true, codec: encryption({ keys: [Buffer.alloc(32, 7)] }) };
    await make(schemas, options);
    await open(schemas, options).set('a', { user_id: 'ada', n: 1 });
    await open(schemas, options).set('b', { user_id: 'bob', n: 1 });
    await open([], options).update('b', { user_id: 'eve', n: 2 });
    await change(schemas, options).down(knex());
    await isOld();
    const after = open([], options);
    expect(await after.get('a')).toStrictEqual({ user_id: 'ada', n: 1 });
    expect(await after.get('b')).toStrictEqual({ user_id: 'eve', n: 2 });
    expect(await knex()(TABLE).where('sid', 'like', 'sha256.%').pluck('sid')).toHaveLength(2);
  });

  it('fails by name where a session cannot be read, drops nothing, and can be run again', async () => {
    const schemas: readonly SchemaField[] = [{ name: 'user_id', type: 'string', index: true }];
    await make(schemas);
    const store = open(schemas);
    await store.set('a', { user_id: 'ada' });
    await store.set('b', { user_id: 'bob' });
    await knex()(TABLE).where('sid', 'b').update({ additional: '{broken' });
    await expect(change(schemas).down(knex())).rejects.toEqual(failure('UNREADABLE_ROW'));
    expect(await verifySessionTable<readonly SchemaField[]>(knex(), { ...old, schemas })).toEqual([]);
    expect(await store.get('a')).toStrictEqual({ user_id: 'ada' });
    await store.destroy('b');
    await change(schemas).down(knex());
    await isOld();
    expect(await open([]).get('a')).toStrictEqual({ user_id: 'ada' });
  });

  it('goes on where it was cut off, and up takes the columns back from there', async () => {
    const schemas: readonly SchemaField[] = [{ name: 'user_id', type: 'string', index: true }];
    await make(schemas);
    await open(schemas).set('a', { user_id: 'ada' });
    const cutOff = () =>
      knex().schema.alterTable(TABLE, (table) => void table.renameColumn('user_id', 'kss_down_user_id'));
    await cutOff();
    await change(schemas).up(knex());
    expect(await verifySessionTable<readonly SchemaField[]>(knex(), { ...old, schemas })).toEqual([]);
    expect(await open(schemas).count({ user_id: 'ada' })).toBe(1);
    await cutOff();
    await change(schemas).down(knex());
    expect(await columnsLeft()).toEqual([]);
    expect(await open([]).get('a')).toStrictEqual({ user_id: 'ada' });
  });
});
