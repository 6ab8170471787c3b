import { describeDatabases } from '@kss/test-kit';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_overload';
const MOST = 50_000;

describeDatabases(
  'a database that lends no connection',
  (database) => {
    // A knex of its own: its only connection is taken away from it.
    const tableName = `${TABLE}_${database.label.replaceAll('-', '_')}`;
    const knex = database.open({ pool: { min: 1, max: 1 } });
    const store = new KnexSessionStore(knex, {
      tableName,
      gcInterval: 0,
      timeout: 60_000,
    });
    beforeAll(() => store.waitForSync());
    afterEach(async () => {
      await store.close();
      await knex.schema.dropTableIfExists(tableName);
      await knex.destroy();
    });

    it('is waited for by so many calls, and the next is refused at once', async () => {
      await store.set('a', { n: 1 });
      const trx = await knex.transaction();
      const waiting = Array.from({ length: MOST }, (_, i) => store.get(i % 2 === 0 ? 'a' : `unknown${i}`));
      await expect(store.get('a')).rejects.toEqual(failure('OVERLOADED'));
      await expect(store.set('b', {})).rejects.toEqual(failure('OVERLOADED', 'nothing was changed'));
      await trx.rollback();
      const found = await Promise.all(waiting);
      expect(found.filter((session) => session !== null)).toHaveLength(MOST / 2);
      expect(await store.get('a')).toStrictEqual({ n: 1 });
      expect(await store.get('b')).toBeNull();
    });
  },
  ['sqlite', 'postgres'],
);
