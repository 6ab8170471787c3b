import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_test_name_case';
const KNOWN: readonly DatabaseName[] = ['mariadb', 'mysql'];

describeDatabases(
  'two tables whose names differ in case',
  (_, knex) => {
    const both = [TABLE, TABLE.toUpperCase()];
    const clean = async () => {
      for (const table of both) await knex().schema.dropTableIfExists(table);
    };
    beforeAll(clean);
    afterEach(clean);

    it('are two tables, each of which fits', async () => {
      const [[{ folded }]] = await knex().raw('select @@lower_case_table_names as folded');
      if (Number(folded) !== 0) return; // one table on this server
      for (let round = 0; round < 2; round++) {
        for (const [i, tableName] of both.entries()) {
          const schemas = [{ name: `user_${i}`, type: 'string', args: [20], index: true }] as const;
          const store = new KnexSessionStore(knex(), { tableName, schemas, gcInterval: 0 });
          await store.waitForSync();
          await store.set('one', { table: tableName });
          expect(await store.get('one')).toEqual({ table: tableName });
          await store.close();
        }
      }
    });
  },
  KNOWN,
);
