import type { Knex } from 'knex';
import { beforeEach, expect, it } from 'vitest';
import { sqliteClient } from '../src/index.js';
import { failure } from './failure.js';
import { describeClients, nodeHasSqlite } from './sqlite-drivers.js';

const NODE = process.versions.node;

it.skipIf(nodeHasSqlite)(
  'is DRIVER_MISSING on a Node without SQLite, which names one that has it, and a driver',
  () => {
    for (const part of ['Node 22.13', NODE, 'npm install better-sqlite3']) {
      expect(() => sqliteClient()).toThrow(failure('DRIVER_MISSING', part));
    }
  },
);

describeClients('results', (driver, open) => {
  let knex: Knex;
  beforeEach(async () => {
    knex = open(':memory:');
    await knex.raw(
      'create table t (id integer primary key, name text not null unique, n int check (n > 0), bytes blob)',
    );
  });

  it('is of the same dialect, with a name of its own', () => {
    expect(knex.client).toMatchObject({ dialect: 'sqlite3', driverName: driver });
  });

  it('gives rows for what gives rows, and what changed for the rest', async () => {
    expect(await knex.raw("insert into t (name) values ('a'), ('b')")).toEqual({ changes: 2, lastInsertRowid: 2 });
    expect(await knex.raw("update t set n = 1 where name = 'z'")).toMatchObject({ changes: 0 });
    expect(await knex.raw("update t set n = 1 where name = 'z' returning n")).toStrictEqual([]);
    expect(await knex.raw('update t set n = id returning name, n')).toStrictEqual([
      { name: 'a', n: 1 },
      { name: 'b', n: 2 },
    ]);
    expect(await knex.raw('select * from t where id = ?', [3])).toStrictEqual([]);
    expect(await knex.raw('with x as (select 1 as n) select n from x')).toStrictEqual([{ n: 1 }]);
    expect(await knex.raw('pragma foreign_keys')).toStrictEqual([{ foreign_keys: 1 }]);
    expect(await knex.raw('pragma foreign_keys = on')).toHaveProperty('changes');
    expect(await knex.raw('create table u (id int)')).toHaveProperty('changes');
    expect(await knex.raw('explain query plan select * from t')).toHaveLength(1);
    await expect(knex.raw('')).rejects.toThrow('The query is empty');
  });

  it('answers the query builder and the schema builder', async () => {
    expect(await knex('t').insert({ name: 'a' })).toEqual([1]);
    expect(await knex('t').insert({ name: 'b', bytes: undefined }, ['id', 'bytes'])).toEqual([{ id: 2, bytes: null }]);
    expect(await knex('t').insert({ name: 'b' }).onConflict('name').ignore()).toEqual([2]);
    expect(await knex('t').update({ n: 3 })).toBe(2);
    expect(await knex('t').update({ n: 4 }, ['n'])).toEqual([{ n: 4 }, { n: 4 }]);
    expect(await knex('t').first('name')).toEqual({ name: 'a' });
    expect(await knex('t').count({ count: '*' })).toEqual([{ count: 2 }]);
    const streamed: unknown[] = [];
    for await (const row of knex('t').select('name').stream()) streamed.push(row);
    expect(streamed).toEqual([{ name: 'a' }, { name: 'b' }]);
    expect(await knex('t').where({ name: 'a' }).del()).toBe(1);

    await knex.schema.alterTable('t', (table) => table.dropColumn('bytes')); // a transaction without foreign keys
    expect(await knex('t')).toEqual([{ id: 2, name: 'b', n: 4 }]);
    expect(await knex.raw('pragma foreign_keys')).toEqual([{ foreign_keys: 1 }]);
  });

  it.each([
    ['true', true, 1],
    ['false', false, 0],
    ['a Date', new Date(1_700_000_000_123), 1_700_000_000_123],
    ['a bigint', 2n ** 53n - 1n, 2 ** 53 - 1],
    ['a negative bigint', 1n - 2n ** 53n, 1 - 2 ** 53],
    ['a fraction', 1.5, 1.5],
    ['null', null, null],
    ['undefined', undefined, null],
    ['the empty string', '', ''],
    ['text', 'grüß 𝄞', 'grüß 𝄞'],
    ['a Buffer', Buffer.from([0, 1, 255]), Buffer.from([0, 1, 255])],
    ['an empty Buffer', Buffer.alloc(0), Buffer.alloc(0)],
    ['a Uint8Array', Uint8Array.of(7, 8), Buffer.from([7, 8])],
  ])('takes %s', async (_, value, read) => {
    await knex.raw('create table v (v)');
    await query('insert into v values (?)', [value]);
    expect(await query('select v from v where v is ?', [value])).toStrictEqual([{ v: read }]);
  });

  /** knex itself refuses an undefined in `raw`. */
  async function query(sql: string, bindings: readonly unknown[]): Promise<unknown> {
    const connection = await knex.client.acquireConnection();
    try {
      return (await knex.client.query(connection, { sql, bindings })).response;
    } finally {
      knex.client.releaseConnection(connection);
    }
  }

  it('takes no object for a value, nor for the names of values', async () => {
    await expect(knex.raw('select ? as v', [{ v: 1 }])).rejects.toThrow(TypeError);
    await expect(knex.raw('select :v as v, ? as w', [{ v: 1 }, 2])).rejects.toThrow();
  });

  it('gives integers beyond 2^53', async () => {
    const [row] = await knex.raw(
      'select 9007199254740993 as big, -9007199254740993 as small, 9007199254740992 as exact',
    );
    expect(row).toEqual(
      driver === 'node:sqlite'
        ? { big: 9007199254740993n, small: -9007199254740993n, exact: 2 ** 53 }
        : { big: 2 ** 53, small: -(2 ** 53), exact: 2 ** 53 },
    );
    // A write is not done twice, nor half, where its answer has such a number.
    await knex('t').insert([{ name: 'a', n: 1 }, { name: 'b' }]);
    expect(await knex.raw('update t set n = n + 9007199254740992 where n = 1 returning id')).toEqual([{ id: 1 }]);
    expect(await knex.raw('select cast(n as text) as n from t where id = 1')).toEqual([{ n: '9007199254740993' }]);
  });

  // Node 22 keeps such a text, and reads less of it.
  it.skipIf(driver === 'node:sqlite' && NODE.startsWith('22.'))('gives text with a NUL', async () => {
    expect(await knex.raw('select ? as v', ['a\0b'])).toEqual([{ v: 'a\0b' }]);
  });

  it('keeps what a transaction commits, and nothing of what it takes back', async () => {
    await knex.transaction(async (trx) => {
      await trx('t').insert({ name: 'a' });
      const inner = trx.transaction(async (savepoint) => {
        await savepoint('t').insert({ name: 'b' });
        throw new Error('back');
      });
      await expect(inner).rejects.toThrow('back');
      await trx.transaction((savepoint) => savepoint('t').insert({ name: 'c' }));
    });
    const back = knex.transaction(async (trx) => {
      await trx('t').insert({ name: 'd' });
      await trx('t').insert({ name: 'a' });
    });
    await expect(back).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_UNIQUE' });
    expect(await knex('t').pluck('name')).toEqual(['a', 'c']);
  });
});
