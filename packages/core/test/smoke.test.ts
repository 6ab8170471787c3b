import createKnex from 'knex';
import PGlite from 'knex-pglite';
import { expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
const dbs: [string, () => any][] = [
  ['sqlite', () => createKnex({ client: 'better-sqlite3', connection: { filename: ':memory:' }, useNullAsDefault: true })],
  ['pglite', () => createKnex({ client: PGlite as any, dialect: 'postgres', connection: {} as any })],
  ['pg', () => createKnex({ client: 'pg', connection: 'postgres://postgres@127.0.0.1:5432/postgres' })],
  ['maria', () => createKnex({ client: 'mysql2', connection: { host: '127.0.0.1', user: 'root', database: 'test' } })],
];
for (const [name, open] of dbs) it(name, async () => {
  const knex = open();
  await knex.schema.dropTableIfExists('smoke');
  const store = new KnexSessionStore(knex, { tableName: 'smoke', timestamps: true, schemas: [
    { name: 'user_id', type: 'string', args: [100], index: true, extra: (c) => c.nullable() },
    { name: 'seen', type: 'datetime' }, { name: 'big', type: 'bigInteger' }, { name: 'price', type: 'decimal' }, { name: 'day', type: 'date' },
    { name: 'at', type: 'time' }, { name: 'ok', type: 'boolean' }, { name: 'doc', type: 'jsonb' }, { name: 'bin', type: 'binary' }, { name: 'f', type: 'float' }, {name: 'ts', type: 'timestamp'},{name:'dbl', type:'double'}, {name:'uu', type:'uuid'}, {name:'en', type:'enum', args: [['a','B']]} ] });
  await store.waitForSync();
  const s = { user_id: 'bob', seen: new Date(1700000000123), ts: new Date(1710000000456), big: '9223372036854775807', price: '12.50', day: '2020-02-29', at: '12:34:56', ok: true, doc: { a: [1, 'x'] }, bin: Buffer.from([0, 255]), f: 0.1, dbl: 1/3, uu: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee', en: 'B', other: { n: 1 } };
  const r1 = await store.set('abc', s);
  expect(await store.get('abc')).toEqual(s);
  const loaded = await store.load('abc');
  expect(await store.touch('abc', 5000)).toBe(true);
  await store.set('abc', { ...s, x: 1 });
  const r2 = await store.update('abc', { ...s, x: 2 }, { revision: r1 });
  expect(r2).not.toBeNull();
  expect(await store.find({ user_id: 'bob' }, { current: 'abc', data: true })).toHaveLength(1);
  for (const k of Object.keys(s)) if (!['doc', 'other'].includes(k)) expect([k, await store.count({ [k]: (s as any)[k] } as any)]).toEqual([k, 1]);
  expect(await store.count({ user_id: 'BOB' })).toBe(0);
  expect(await store.count({ user_id: 'bob ' })).toBe(0);
  await store.destroy('abc');
  expect(await store.update('abc', s, { revision: loaded!.revision })).toBeNull();
  await store.set('abc', s);
  expect(await store.update('abc', s, { revision: loaded!.revision })).toBeNull();
  expect(await store.update('abc', s)).not.toBeNull();
  expect(await store.destroyWhere((q) => q.where('user_id', 'like', 'b%'))).toBe(1);
  await store.set('x', s, -1);
  expect(await store.get('x')).toBeNull();
  expect(await store.gc()).toBe(1);
  await store.close();
  await knex.destroy();
}, 30000);
