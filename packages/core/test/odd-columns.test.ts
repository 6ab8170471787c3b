import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { failure } from './failure.js';

const schemas = [
  { name: 'n', type: 'integer' },
  { name: 'big', type: 'bigInteger' },
  { name: 'x', type: 'double' },
  { name: 'at', type: 'datetime' },
  { name: 'day', type: 'timestamp' },
] as const;

const TABLE = 'kss_odd_columns';

// Only SQLite takes text into a column of numbers or instants.
describeDatabases(
  'a column that holds what its type does not',
  (_, knex) => {
    let store: KnexSessionStore<typeof schemas>;
    const reported: unknown[] = [];

    beforeAll(async () => {
      store = new KnexSessionStore(knex(), {
        gcInterval: 0,
        tableName: TABLE,
        schemas,
        onError: (error) => reported.push(error),
      });
      await store.waitForSync();
    });
    afterAll(async () => {
      await store.close();
      await knex().schema.dropTableIfExists(TABLE);
    });

    it.each(schemas.map(({ name }) => name))(
      'a column that holds what its type does not makes no NaN of a session: %s',
      async (name) => {
        await store.set('a', { kept: 1 });
        await knex()(TABLE).update({ [name]: 'never' });
        expect(await store.get('a')).toBeNull();
        await expect(store.get('a', { unreadable: 'reject' })).rejects.toEqual(failure('UNREADABLE_ROW', name));
        expect((await store.find('all', { data: true }))[0]?.columns[name]).toBeNull();
        expect(reported.splice(0)).toContainEqual(failure('UNREADABLE_ROW', name));
      },
    );
  },
  ['sqlite'],
);
