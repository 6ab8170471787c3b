import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import createKnex, { type Knex } from 'knex';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { backfill, createSessionTable, dropSessionTable, KnexSessionStore, verifySessionTable } from '../src/index.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_sync_rights';
const USER = 'kss_test_sync_rights';
const SECRET = 'not so secret';
const POSTGRES = 'postgres';

const optionsFor = (name: DatabaseName) => ({
  tableName: TABLE,
  ...(name === POSTGRES && { schemaName: TABLE }),
  timestamps: true,
  schemas: [{ name: 'user_id', type: 'string', args: [100], index: true }] as const,
});

/** Statements that change what there is in the database, and not what is in a table. */
const DDL = /^\s*(create|alter|drop|truncate|grant|rename|comment)\b/i;

/** Makes a user who may read and write rows, and nothing else. */
async function makeUser(knex: Knex, name: DatabaseName): Promise<void> {
  await dropUser(knex, name);
  if (name === POSTGRES) {
    await knex.raw(`create role ${USER} login password '${SECRET}'`);
    await knex.raw(`create schema ${TABLE}`);
    await knex.raw(`grant usage on schema ${TABLE} to ${USER}`);
  } else await knex.raw(`create user ${USER} identified by '${SECRET}'`);
}

async function dropUser(knex: Knex, name: DatabaseName): Promise<void> {
  if (name === POSTGRES) {
    await knex.raw(`drop schema if exists ${TABLE} cascade`);
    await knex.raw(`drop role if exists ${USER}`);
  } else await knex.raw(`drop user if exists ${USER}`);
}

function openAs(user: string, { client }: Knex): Knex {
  const { config } = client as { config: Knex.Config & { connection: object } };
  return createKnex({ ...config, connection: { ...config.connection, user, password: SECRET } });
}

describeDatabases(
  'a user who may only read and write rows',
  ({ name }, knex) => {
    const options = optionsFor(name);
    const stores: { close(): Promise<void> }[] = [];
    let theirs: Knex;
    let statements: string[] = [];

    beforeAll(async () => {
      await dropSessionTable(knex(), options);
      await makeUser(knex(), name);
      theirs = openAs(USER, knex());
      theirs.on('query', ({ sql }: { sql: string }) => statements.push(sql));
    });
    afterEach(async () => {
      await Promise.all(stores.splice(0).map((store) => store.close()));
      await dropSessionTable(knex(), options);
      statements = [];
    });
    afterAll(async () => {
      await theirs.destroy();
      await dropUser(knex(), name);
    });

    const make = async () => {
      await createSessionTable(knex(), options);
      const table = name === POSTGRES ? `${TABLE}.${TABLE}` : TABLE;
      await knex().raw(`grant select, insert, update, delete on ${table} to ${USER}`);
    };
    const open = (sync: boolean) => {
      const store = new KnexSessionStore(theirs, { ...options, sync, gcInterval: 0, onError() {} });
      stores.push(store);
      return store;
    };

    it('cannot make a table', async () => {
      await expect(createSessionTable(theirs, options)).rejects.toEqual(failure('DATABASE', 'denied'));
    });

    it.each([false, true])('has every verb on a table that is there, with sync: %s', async (sync) => {
      await make();
      const store = open(sync);
      await store.waitForSync();
      await Promise.all(['a', 'b', 'c'].map((sid, n) => store.set(sid, { user_id: 'ada', n })));
      await store.set('over', {}, -1);
      expect(await store.get('a')).toStrictEqual({ user_id: 'ada', n: 0 });
      const loaded = await store.load('a');
      expect(await store.update('a', { user_id: 'ada', n: 5 }, { revision: loaded?.revision })).not.toBeNull();
      expect(await store.touch('a', 5000)).toBe(true);
      expect(await store.touch('a', 5000, { path: '/' })).toBe(true);
      expect(await store.find({ user_id: 'ada' })).toHaveLength(3);
      expect(await store.count({ user_id: 'ada' })).toBe(3);
      expect(await store.gc()).toBe(1);
      expect(await backfill(store)).toEqual({ seen: 0, filled: 0, missed: 0, failed: 0 });
      expect(await store.destroyWhere({ user_id: 'ada' }, { except: 'a' })).toBe(2);
      await theirs.transaction((trx) => store.repo(trx).where('user_id', 'ada').update({ user_id: 'eve' }));
      expect(await store.count({ user_id: 'eve' })).toBe(1);
      await store.destroy('a');
      expect(await store.clear()).toBe(0);
      expect(await verifySessionTable(theirs, options)).toEqual([]);
      expect(statements.filter((sql) => DDL.test(sql))).toEqual([]);
    });
  },
  ['postgres', 'mariadb', 'mysql'],
  { variants: [] }, // rights are the server's
);

describeDatabases('sync: false', ({ name }, knex) => {
  it('makes no table, and asks nothing about one', async () => {
    await knex().schema.dropTableIfExists(TABLE);
    const statements: string[] = [];
    const hear = ({ sql }: { sql: string }) => void statements.push(sql);
    knex().on('query', hear);
    const store = new KnexSessionStore(knex(), { tableName: TABLE, sync: false, gcInterval: 0, onError() {} });
    await store.waitForSync();
    expect(statements).toEqual(/^m(ysql|ariadb)$/.test(name) ? ['select @@sql_mode as m'] : []);
    statements.length = 0;
    await expect(store.get('a')).rejects.toEqual(failure('DATABASE', TABLE));
    expect(statements).toHaveLength(1);
    await store.close();
    knex().removeListener('query', hear);
    expect(await knex().schema.hasTable(TABLE)).toBe(false);
  });
});
