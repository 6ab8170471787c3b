import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import type { SchemaField } from '../src/types.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_database_refusals';
const USERS = 'kss_test_database_users';
const SID = 'one';

describeDatabases('a value that the database refuses', ({ name }, knex) => {
  const stores: { close(): Promise<void> }[] = [];

  async function storeWith(schemas: readonly SchemaField[], prepare?: (table: Knex.TableBuilder) => unknown) {
    if (prepare !== undefined) {
      const first = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0 });
      await first.waitForSync();
      await first.close();
      await knex().schema.alterTable(TABLE, (table) => {
        prepare(table);
      });
    }
    const store = new KnexSessionStore(knex(), { tableName: TABLE, schemas, gcInterval: 0 });
    stores.push(store);
    await store.waitForSync();
    return store;
  }

  const clean = async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex().schema.dropTableIfExists(TABLE);
    await knex().schema.dropTableIfExists(USERS);
  };
  beforeAll(clean);
  afterEach(clean);

  const refused = async (store: KnexSessionStore, session: object, ...words: string[]) => {
    const before = await store.get(SID);
    await expect(store.set(SID, session)).rejects.toEqual(failure('COLUMN_VALUE', ...words));
    await expect(store.update(SID, session)).rejects.toEqual(failure('COLUMN_VALUE', ...words));
    expect(await store.get(SID)).toStrictEqual(before);
    await expect(store.set('another', session)).rejects.toEqual(failure('COLUMN_VALUE', ...words));
    expect(await store.count('all')).toBe(1);
  };

  it('is refused by name where a required column has none', async () => {
    const store = await storeWith([{ name: 'user_id', type: 'string', extra: (column) => column.notNullable() }]);
    await store.set(SID, { user_id: 'ada', n: 1 });
    await refused(store, { n: 2 }, "'user_id'");
    await refused(store, { user_id: null, n: 2 }, "'user_id'");
    expect(await store.get(SID)).toStrictEqual({ user_id: 'ada', n: 1 });
  });

  // SQLite keeps what a narrower column does not hold.
  it.skipIf(name === 'sqlite')('is refused where the column of the table is narrower', async () => {
    const store = await storeWith([{ name: 'age', type: 'integer' }], (table) => table.specificType('age', 'smallint'));
    await store.set(SID, { age: 36 });
    await refused(store, { age: 40_000 });
    expect(await store.get(SID)).toStrictEqual({ age: 36 });
  });

  it('is refused where a check of the column refuses it', async () => {
    const store = await storeWith([{ name: 'age', type: 'integer', extra: (column) => column.checkPositive() }]);
    await store.set(SID, { age: 36 });
    await refused(store, { age: -1 });
    expect(await store.get(SID)).toStrictEqual({ age: 36 });
  });

  // MariaDB indexes the beginning of a text, and SQLite's index holds any.
  it.runIf(name === 'pglite' || name === 'postgres')('is refused where its index cannot hold it', async () => {
    const store = await storeWith([{ name: 'note', type: 'text', index: true }]);
    await store.set(SID, { note: 'short' });
    await refused(store, { note: randomBytes(9000).toString('base64') });
    expect(await store.get(SID)).toStrictEqual({ note: 'short' });
  });

  it('is refused where it refers to nothing', async () => {
    await knex().schema.createTable(USERS, (table) => table.integer('id').primary());
    await knex()(USERS).insert({ id: 1 });
    const store = await storeWith([
      { name: 'user_id', type: 'integer', extra: (column) => column.references('id').inTable(USERS) },
    ]);
    await store.set(SID, { user_id: 1 });
    await refused(store, { user_id: 2 });
    expect(await store.get(SID)).toStrictEqual({ user_id: 1 });
  });

  it('is shown by no error, and neither is the sid', async () => {
    const store = await storeWith([
      { name: 'user_id', type: 'string', extra: (column) => column.notNullable() },
      { name: 'age', type: 'integer', extra: (column) => column.checkPositive() },
    ]);
    const session = { user_id: 'hunter2-user', cart: 'hunter2-cart' };
    for (const refused of [
      { ...session, age: -1 },
      { ...session, user_id: null },
    ]) {
      const error = await store.set('hunter2-sid', refused).then(
        () => expect.unreachable(),
        (reason: unknown) => reason,
      );
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2');
    }
  });
});
