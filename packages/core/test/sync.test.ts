import { describeDatabases } from '@kss/test-kit';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_sync';

describeDatabases("the option 'sync'", ({ name }, knex) => {
  const clean = () => knex().schema.dropTableIfExists(TABLE);
  beforeAll(clean);
  afterEach(clean);

  /** The statements that reach the database meanwhile. */
  async function statementsDuring(act: () => Promise<unknown>): Promise<string[]> {
    const seen: string[] = [];
    const note = ({ sql }: { sql: string }) => seen.push(sql);
    knex().on('query', note);
    await act();
    knex().removeListener('query', note);
    return seen;
  }

  const turns = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };

  it('makes no statement at construction where it is false, and none but its own later', async () => {
    const store = new KnexSessionStore(knex(), { tableName: TABLE, sync: false, gcInterval: 0 });
    const first = await statementsDuring(async () => {
      await turns();
    });
    expect(first).toEqual([]);
    const asked = await statementsDuring(async () => {
      await store.waitForSync();
      await turns();
    });
    expect(asked).toEqual(/^m(ysql|ariadb)$/.test(name) ? ['select @@sql_mode as m'] : []);
    await expect(store.get('a')).rejects.toEqual(failure('DATABASE'));
    const maker = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0 });
    await maker.waitForSync();
    const later = await statementsDuring(async () => {
      await store.set('a', { n: 1 });
      expect(await store.get('a')).toStrictEqual({ n: 1 });
    });
    expect(later.map((sql) => sql.slice(0, 6))).toEqual(['insert', 'select']);
    await Promise.all([store.close(), maker.close()]);
  });

  it('makes the table at construction, and asks no more once it is there', async () => {
    const store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0 });
    await store.waitForSync();
    expect(await knex().schema.hasTable(TABLE)).toBe(true);
    const later = await statementsDuring(async () => {
      await store.waitForSync();
      await store.get('a');
    });
    expect(later.map((sql) => sql.slice(0, 6))).toEqual(['select']);
    await store.close();
  });

  it('makes the first calls wait for the table', async () => {
    const store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0 });
    const [, session, count] = await Promise.all([store.set('a', { n: 1 }), store.get('a'), store.count('all')]);
    expect([session, count]).toEqual([{ n: 1 }, 1]);
    await store.close();
  });
});

describeDatabases('a column that is younger than the sessions', (_, knex) => {
  const clean = () => knex().schema.dropTableIfExists(TABLE);
  beforeAll(clean);
  afterEach(clean);

  it('logs nobody out: it reads the JSON until the next save, which heals it', async () => {
    const before = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0 });
    await before.set('old', { user_id: 'ada', visits: 3, n: 1 });
    await before.set('null', { user_id: null, n: 2 });
    await before.set('none', { n: 3 });
    await before.close();
    await knex().schema.alterTable(TABLE, (table) => {
      table.string('user_id', 100);
      table.integer('visits');
    });
    const schemas = [
      { name: 'user_id', type: 'string', args: [100] },
      { name: 'visits', type: 'integer' },
    ] as const;
    const store = new KnexSessionStore(knex(), { tableName: TABLE, schemas, gcInterval: 0 });
    expect(await store.get('old')).toStrictEqual({ user_id: 'ada', visits: 3, n: 1 });
    expect(await store.get('null')).toStrictEqual({ user_id: null, n: 2 });
    expect(await store.get('none')).toStrictEqual({ n: 3 });
    expect(await store.count({ user_id: 'ada' })).toBe(0);

    expect(await store.touch('old')).toBe(true);
    expect(await store.get('old')).toStrictEqual({ user_id: 'ada', visits: 3, n: 1 });

    const loaded = await store.load('old');
    await store.update('old', { ...loaded?.session }, { revision: loaded?.revision });
    expect(await store.get('old')).toStrictEqual({ user_id: 'ada', visits: 3, n: 1 });
    expect(await store.count({ user_id: 'ada' })).toBe(1);
    const row = await knex()(TABLE).where('sid', 'old').first('user_id', 'visits', 'additional');
    expect(row).toEqual({ user_id: 'ada', visits: 3, additional: '{"n":1}' });
    await store.close();
  });
});

describeDatabases(
  "the option 'schemaName'",
  ({ name }, knex) => {
    const SCHEMA = `kss_test_schema_${name}`;
    const clean = async () => {
      await knex().raw(`drop schema if exists ${SCHEMA} cascade`);
      await knex().schema.dropTableIfExists(TABLE);
    };
    const schemas = [{ name: 'user_id', type: 'string', args: [100], index: true }] as const;
    const options = { tableName: TABLE, schemaName: SCHEMA, schemas, timestamps: true, gcInterval: 0 };
    beforeAll(clean);
    afterEach(clean);

    it('puts the table there, and every verb finds it there', async () => {
      await knex().raw(`create schema ${SCHEMA}`);
      const outside = new KnexSessionStore(knex(), { tableName: TABLE, schemas, gcInterval: 0 });
      await outside.set('a', { user_id: 'outside' });
      const store = new KnexSessionStore(knex(), options);
      expect(await store.get('a')).toBeNull();
      await store.set('a', { user_id: 'ada', n: 1 });
      await store.set('b', { user_id: 'ada', n: 2 });
      await store.set('c', { user_id: 'ada' }, -1);
      expect(await store.get('a')).toStrictEqual({ user_id: 'ada', n: 1 });
      const loaded = await store.load('a');
      expect(await store.update('a', { user_id: 'ada', n: 3 }, { revision: loaded?.revision })).not.toBeNull();
      expect(await store.touch('a')).toBe(true);
      expect(await store.find({ user_id: 'ada' })).toHaveLength(2);
      expect(await store.count('all')).toBe(2);
      expect(await store.gc()).toBe(1);
      expect(await store.destroyWhere({ user_id: 'ada' }, { except: 'a' })).toBe(1);
      expect(await store.repo().pluck('sid')).toEqual(['a']);
      await store.destroy('a');
      await store.set('d', {});
      expect(await store.clear()).toBe(1);
      expect(await outside.get('a')).toStrictEqual({ user_id: 'outside' });

      const again = new KnexSessionStore(knex(), options);
      await again.waitForSync();
      await Promise.all([store.close(), outside.close(), again.close()]);
    });

    it('is in what a TABLE_MISMATCH offers', async () => {
      await knex().raw(`create schema ${SCHEMA}`);
      const before = new KnexSessionStore(knex(), { tableName: TABLE, schemaName: SCHEMA, gcInterval: 0 });
      await before.waitForSync();
      const after = new KnexSessionStore(knex(), { ...options, onError() {} });
      const error = await after.waitForSync().then(
        () => expect.unreachable(),
        (reason: Error) => reason,
      );
      expect(error).toEqual(failure('TABLE_MISMATCH', `alter table "${SCHEMA}"."${TABLE}"`));
      for (const [, statement] of error.message.matchAll(/^ {2}(.*);$/gm)) await knex().raw(statement ?? '');
      await after.waitForSync();
      await Promise.all([before.close(), after.close()]);
    });

    it('is refused where there is no such schema', async () => {
      const store = new KnexSessionStore(knex(), { ...options, onError() {} });
      await expect(store.waitForSync()).rejects.toEqual(failure('DATABASE', SCHEMA));
      await knex().raw(`create schema ${SCHEMA}`);
      await store.waitForSync();
      await store.close();
    });
  },
  ['postgres', 'pglite'],
);
