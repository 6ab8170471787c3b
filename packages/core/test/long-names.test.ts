import { describeDatabases } from '@kss/test-kit';
import { afterAll, expect, it } from 'vitest';
import { KnexSessionStore, type StoreOptions } from '../src/index.js';
import { failure } from './failure.js';

const LETTERS = 'é'.repeat(31); // 62 bytes

describeDatabases('names in letters of many bytes', (_, knex) => {
  const tables = ['a', 'b'].map((end) => LETTERS + end);
  afterAll(async () => {
    for (const table of tables) await knex().schema.dropTableIfExists(table);
  });

  it('are names of different tables up to the last byte', async () => {
    const stores = tables.map(
      (tableName) => new KnexSessionStore(knex(), { tableName, gcInterval: 0, syncTimeout: 20_000 }),
    );
    await Promise.all(stores.map((store, i) => store.set('one', { i })));
    expect(await Promise.all(stores.map((store) => store.get('one')))).toStrictEqual([{ i: 0 }, { i: 1 }]);
    for (const store of stores) await store.close();
  });

  it('are refused where a database would cut them to the name of something else', () => {
    const name = `${LETTERS}é`;
    const each: StoreOptions[] = [
      { tableName: name },
      { sidName: name },
      { expireAtName: name },
      { additionalName: name },
    ];
    for (const options of [...each, { revisionName: name }, { schemas: [{ name, type: 'string' }] } as never]) {
      expect(() => new KnexSessionStore(knex(), options)).toThrow(failure('INVALID_OPTION', '63 bytes') as Error);
    }
  });
});
