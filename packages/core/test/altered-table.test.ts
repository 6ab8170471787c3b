import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import type { SchemaField } from '../src/types.js';

const TABLE = 'kss_test_altered_table';

const schemas = [{ name: 'user_id', type: 'integer', index: true }] as const satisfies readonly SchemaField[];
const KNOWN: readonly DatabaseName[] = ['pglite', 'postgres', 'mariadb', 'mysql'];

describeDatabases(
  'a table that a migration alters while the app runs',
  (_, knex) => {
    let store: KnexSessionStore<typeof schemas>;

    beforeAll(async () => {
      await knex().schema.dropTableIfExists(TABLE);
      store = new KnexSessionStore(knex(), { tableName: TABLE, schemas, syncTimeout: 20_000, gcInterval: 0 });
      await store.waitForSync();
    });
    afterAll(async () => {
      await store.close();
      await knex().schema.dropTableIfExists(TABLE);
    });

    const useAll = async (n: number) => {
      await store.set('one', { user_id: n, n });
      const loaded = await store.load('one');
      expect(loaded?.session).toEqual({ user_id: n, n });
      expect(await store.update('one', { user_id: n, n: n + 1 }, { revision: loaded?.revision })).not.toBeNull();
      expect(await store.touch('one')).toBe(true);
      expect(await store.count({ user_id: n })).toBe(1);
      const many = Array.from({ length: 20 }, (_unused, i) => `many-${i}`);
      await Promise.all(many.map((sid) => store.set(sid, { user_id: n + 1 })));
      expect(await Promise.all(many.map((sid) => store.get(sid)))).toEqual(many.map(() => ({ user_id: n + 1 })));
      await Promise.all(many.map((sid) => store.destroy(sid)));
    };

    it('is used on without a restart: a wider type, and the old one again', async () => {
      await useAll(1);
      await useAll(1);
      for (const [i, type] of (['bigInteger', 'integer'] as const).entries()) {
        await knex().schema.alterTable(TABLE, (table) => {
          table[type]('user_id').alter();
        });
        await useAll(5 + i);
      }
    });

    it('is used on without a restart: another column', async () => {
      await useAll(1);
      await knex().schema.alterTable(TABLE, (table) => {
        table.integer('of_the_app');
      });
      await useAll(2);
      await knex().schema.alterTable(TABLE, (table) => {
        table.dropColumn('of_the_app');
      });
      await useAll(3);
    });

    it('is used on without a restart: dropped, and made again', async () => {
      await useAll(1);
      await knex().schema.dropTable(TABLE);
      const again = new KnexSessionStore(knex(), { tableName: TABLE, schemas, syncTimeout: 20_000, gcInterval: 0 });
      await again.waitForSync();
      await again.close();
      await useAll(2);
    });
  },
  KNOWN,
);
