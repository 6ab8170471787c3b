import { describeDatabases } from '@kss/test-kit';
import { afterEach, beforeAll, expect, it } from 'vitest';
import {
  addColumnsMigration,
  backfill,
  createSessionTable,
  dropSessionTable,
  KnexSessionStore,
  migration,
  sessionTableSql,
  verifySessionTable,
} from '../src/index.js';
import { failure } from './failure.js';
import { dropMigrations, migrationsOf } from './migrator.js';

const TABLE = 'kss_test_schema_name';
const SCHEMAS = ['kss_test_schema_one', 'kss-test-Schema-two'] as const;
const [ONE, TWO] = SCHEMAS;

const optionsIn = (schemaName: string) =>
  ({
    tableName: TABLE,
    schemaName,
    timestamps: true,
    schemas: [
      { name: 'user_id', type: 'string', args: [100], index: true },
      { name: 'seen', type: 'timestamp' },
    ],
  }) as const;

describeDatabases(
  'a table in a schema',
  (_, knex) => {
    const stores: { close(): Promise<void> }[] = [];
    const clean = async () => {
      await Promise.all(stores.splice(0).map((store) => store.close()));
      for (const schema of SCHEMAS) await knex().raw('drop schema if exists ?? cascade', [schema]);
      await knex().schema.dropTableIfExists(TABLE);
      await dropMigrations(knex(), TABLE);
      for (const schema of SCHEMAS) await knex().raw('create schema ??', [schema]);
    };
    beforeAll(clean);
    afterEach(clean);

    const open = (schemaName: string, options: object = {}) => {
      const store = new KnexSessionStore(knex(), {
        ...optionsIn(schemaName),
        gcInterval: 0,
        onError() {},
        ...options,
      });
      stores.push(store);
      return store;
    };
    const tables = async () => {
      const { rows } = await knex().raw(
        'select table_schema as s from information_schema.tables where table_name = ?',
        [TABLE],
      );
      return (rows as { s: string }[]).map(({ s }) => s).sort();
    };
    const problems = (schemaName: string) => verifySessionTable(knex(), optionsIn(schemaName));

    it('is made, verified, mended and dropped there', async () => {
      await createSessionTable(knex(), optionsIn(ONE));
      await createSessionTable(knex(), optionsIn(TWO));
      expect(await tables()).toEqual([...SCHEMAS].sort());
      expect([await problems(ONE), await problems(TWO)]).toEqual([[], []]);
      await knex()
        .schema.withSchema(ONE)
        .alterTable(TABLE, (table) => table.dropColumn('user_id'));
      await knex().raw('drop index ??.??', [TWO, `${TABLE}_expire_at_index`]);
      const [one, two] = [await problems(ONE), await problems(TWO)];
      expect([one, two].map((all) => all.map(({ kind, column }) => [kind, column]))).toEqual([
        [['missing', 'user_id']],
        [['index', 'expire_at']],
      ]);
      for (const { sql } of [...one, ...two]) for (const statement of sql) await knex().raw(statement);
      expect([await problems(ONE), await problems(TWO)]).toEqual([[], []]);
      await dropSessionTable(knex(), optionsIn(ONE));
      expect(await tables()).toEqual([TWO]);
    });

    it('is no other table of that name', async () => {
      await createSessionTable(knex(), { tableName: TABLE });
      expect(await problems(ONE)).toMatchObject([{ kind: 'table' }]);
      await open(ONE).waitForSync();
      expect(await tables()).toEqual([ONE, 'public'].sort());
      expect(await verifySessionTable(knex(), { tableName: TABLE })).toEqual([]);
    });

    it('has every verb, with another table beside it that has the same sids', async () => {
      const [one, two] = [open(ONE), open(TWO)];
      await Promise.all([one.waitForSync(), two.waitForSync()]);
      for (const sid of ['a', 'b', 'c', 'with a space']) await two.set(sid, { user_id: 'bob', n: 0 });
      await Promise.all(['a', 'b', 'c', 'with a space'].map((sid, n) => one.set(sid, { user_id: 'ada', n })));
      expect(await Promise.all(['a', 'b'].map((sid) => one.get(sid)))).toStrictEqual([
        { user_id: 'ada', n: 0 },
        { user_id: 'ada', n: 1 },
      ]);
      const [a, b] = await Promise.all(['a', 'b'].map((sid) => one.load(sid)));
      const saved = await Promise.all([
        one.update('a', { user_id: 'ada', n: 5 }, { revision: a?.revision }),
        one.update('b', { user_id: 'ada', n: 6 }, { revision: b?.revision }),
      ]);
      expect(saved).not.toContain(null);
      expect(await Promise.all(['a', 'b', 'c'].map((sid) => one.touch(sid, 5000)))).toEqual([true, true, true]);
      expect(await one.touch('a', 5000, { path: '/' })).toBe(true);
      expect(await one.find({ user_id: 'ada' }, { data: true })).toHaveLength(4);
      expect(await one.count({ user_id: 'ada' })).toBe(4);
      await one.set('over', {}, -1);
      expect(await one.gc()).toBe(1);
      await Promise.all(['b', 'c'].map((sid) => one.destroy(sid)));
      expect(await one.destroyWhere({ user_id: 'ada' }, { except: 'a' })).toBe(1);
      await knex().transaction((trx) => one.destroyWhere({ user_id: 'ada' }, { trx }));
      expect(await one.count('all')).toBe(0);
      expect(await two.repo().pluck('user_id')).toEqual(Array(4).fill('bob'));
      expect(await two.clear()).toBe(4);
    });

    it('is migrated and filled there', async () => {
      const config = migrationsOf(TABLE, {
        '1_sessions': migration({ ...optionsIn(TWO), schemas: [] }),
        '2_columns': addColumnsMigration(optionsIn(TWO), ['user_id', 'seen']),
      });
      await knex().migrate.up(config);
      await open(TWO, { schemas: [] }).set('a', { user_id: 'ada', seen: '2026-01-01T00:00:00.000Z' });
      await knex().migrate.up(config);
      expect(await problems(TWO)).toEqual([]);
      const store = open(TWO);
      expect(await backfill(store)).toEqual({ seen: 1, filled: 1, missed: 0, failed: 0 });
      expect(await store.count({ user_id: 'ada', seen: new Date('2026-01-01T00:00:00.000Z') })).toBe(1);
      await knex().migrate.down(config);
      expect(await open(TWO, { schemas: [] }).get('a')).toStrictEqual({
        user_id: 'ada',
        seen: '2026-01-01T00:00:00.000Z',
      });
      await knex().migrate.down(config);
      expect(await tables()).toEqual([]);
    });

    it('is made from its text', async () => {
      for (const statement of sessionTableSql(optionsIn(TWO), 'postgres').split(';\n'))
        if (statement !== '') await knex().raw(statement);
      expect(await problems(TWO)).toEqual([]);
    });

    it('says so where there is no such schema', async () => {
      const nowhere = optionsIn('kss_test_no_such_schema');
      const error = failure('DATABASE', 'schema "kss_test_no_such_schema" does not exist');
      await expect(createSessionTable(knex(), nowhere)).rejects.toEqual(error);
      await expect(open('kss_test_no_such_schema').get('a')).rejects.toEqual(error);
      expect(await problems('kss_test_no_such_schema')).toMatchObject([{ kind: 'table' }]);
      await dropSessionTable(knex(), nowhere);
    });
  },
  ['pglite', 'postgres'],
);

describeDatabases(
  'a schema where a database has none',
  (_, knex) => {
    it('is refused by name', async () => {
      const error = failure('INVALID_OPTION', 'has no schemas', 'schemaName');
      expect(() => new KnexSessionStore(knex(), optionsIn(ONE))).toThrow(error);
      await expect(createSessionTable(knex(), optionsIn(ONE))).rejects.toEqual(error);
      await expect(addColumnsMigration(optionsIn(ONE), ['seen']).up(knex())).rejects.toEqual(error);
    });
  },
  ['sqlite', 'mariadb', 'mysql'],
);
