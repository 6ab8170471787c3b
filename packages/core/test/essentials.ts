import { deepStrictEqual } from 'node:assert/strict';
import type { DatabaseName } from '@kss/test-kit';
import type { Knex } from 'knex';
import { expect } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { handleOf } from '../src/sid.js';
import { everyColumn } from './every-column.js';

/** Values in every column, at the edges at which drivers and settings bend them. */
const SESSIONS: readonly Readonly<Record<string, unknown>>[] = [
  {
    c_string: `it's "b\\o\\\\b" 🍪 ??`,
    c_text: "'); -- \\' \\\\' %_ é\n",
    c_enum: 'dark blue',
    c_uuid: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    c_time: '23:59:59',
    c_integer: -(2 ** 31),
    c_tinyint: 1,
    c_smallint: -1,
    c_mediumint: 0,
    c_double: 1 / 3,
    c_float: 0.1,
    c_bigInteger: '9007199254740993',
    c_decimal: '999999999.999',
    c_boolean: true,
    c_date: '2024-03-10',
    c_datetime: new Date('2024-03-10T02:30:00.123Z'),
    c_timestamp: new Date('2024-11-03T05:30:00.000Z'),
    c_json: { quoted: `"'\\`, list: [1, null, 0.1, true, '🍪'] },
    c_jsonb: [],
    c_binary: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
  },
  {
    c_string: '',
    c_text: ' ',
    c_enum: '',
    c_time: '00:00:00',
    c_integer: 2 ** 31 - 1,
    c_tinyint: 0,
    c_double: 1.7976931348623157e308,
    c_bigInteger: 2 ** 53 - 1,
    c_decimal: '-0.100',
    c_boolean: false,
    c_date: '0001-01-01',
    c_datetime: new Date('9999-12-31T23:59:59.999Z'),
    c_timestamp: new Date('0001-01-01T00:00:00.000Z'),
    c_json: '5',
    c_jsonb: { n: 2 ** 53, o: {} },
    c_binary: Buffer.alloc(0),
  },
  {
    c_tinyint: 127,
    c_double: -5e-324,
    c_bigInteger: '-9223372036854775808',
    c_decimal: '0.000',
    c_date: '9999-12-31',
    c_json: true,
    c_jsonb: 'text',
    c_string: null,
    c_boolean: null,
    cart: { note: `it's "quoted" \\ \u0000 \ud800 🍪 ??`, n: [2 ** 53, 1e308] },
  },
];

/** What no setting of an app's connection may change: values, ends, collections, and the checking of the table. */
export async function essentials(knex: Knex, name: DatabaseName, tableName: string): Promise<void> {
  const fields = everyColumn(name);
  const open = () =>
    new KnexSessionStore(knex, { tableName, schemas: fields, timestamps: true, syncTimeout: 20_000, gcInterval: 0 });
  const store = open();
  await store.waitForSync();
  const comparable = fields.filter(({ type }) => !/json|float/.test(type));

  for (const [i, session] of SESSIONS.entries()) {
    const sid = `sid-${i}`;
    await store.set(sid, { user: sid });
    const loaded = await store.load(sid);
    expect(await store.update(sid, session, { revision: loaded?.revision })).not.toBeNull();
    deepStrictEqual(await store.get(sid), session);
    await store.set(sid, session);
    const where = Object.fromEntries(comparable.map((field) => [field.name, session[field.name] ?? null]));
    const found = await store.find(where, { current: sid, data: true });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ current: true, handle: handleOf(sid), createdAt: expect.any(Date) });
    deepStrictEqual(found[0]?.data, session);
    for (const { name: column } of comparable) deepStrictEqual(found[0]?.columns[column], session[column] ?? null);
    expect(await store.count(where)).toBe(1);
  }
  expect(await store.count('all')).toBe(SESSIONS.length);

  await ends(store);

  for (let i = 0; i < 3; i++) await store.set(`expired-${i}`, {}, -1);
  expect(await store.gc()).toBe(3);
  expect(await store.gc()).toBe(0);

  const again = open();
  await again.waitForSync();
  deepStrictEqual(await again.get('sid-0'), SESSIONS[0]);
  await again.close();
  expect(await store.clear()).toBe(SESSIONS.length);
  await store.close();
}

/** Kicked is out; and touches tell what is there. */
async function ends(store: KnexSessionStore<ReturnType<typeof everyColumn>>): Promise<void> {
  const mine = { c_string: 'Ada' };
  for (const sid of ['a', 'b', 'c']) await store.set(sid, mine);
  expect(await store.touch('a', Number.POSITIVE_INFINITY)).toBe(true);
  expect(await store.touch('a', Number.POSITIVE_INFINITY)).toBe(true);
  expect(await store.touch('a', 60_000, { path: '/' })).toBe(true);
  expect(await store.get('a')).toEqual({ ...mine, cookie: { path: '/' } });
  expect(await store.find({ c_string: 'ada' })).toEqual([]);

  const [a, b] = [await store.load('a'), await store.load('b')];
  expect(await store.destroyWhere(mine, { handle: handleOf('b') })).toBe(1);
  expect(await store.update('b', mine, { revision: b?.revision })).toBeNull();
  expect(await store.touch('b')).toBe(false);
  expect(await store.get('b')).toBeNull();
  await store.set('b', { c_string: 'Eve' });
  expect(await store.update('b', mine, { revision: b?.revision })).toBeNull();
  expect(await store.get('b')).toEqual({ c_string: 'Eve' });

  expect(await store.update('a', { ...mine, n: 1 }, { revision: a?.revision })).not.toBeNull();
  expect(await store.destroyWhere(mine, { except: 'a' })).toBe(1);
  expect(await store.destroyWhere({ c_string: ['Ada', 'Eve'] })).toBe(2);
}
