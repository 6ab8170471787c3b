import { deepStrictEqual } from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { anySession, columnOf, everyColumn } from './every-column.js';

const TABLE = 'kss_test_column_types';
const SID = 'one';

/** Instants around the changes of clocks, at which a wall clock shows the same twice or jumps. */
const CLOCK_CHANGES = [
  '2024-03-10T06:59:59.999Z', // New York: the last moment before the gap,
  '2024-03-10T07:00:00.000Z', // its end,
  '2024-11-03T05:30:00.000Z', // half past one,
  '2024-11-03T06:30:00.000Z', // and again
  '1948-05-01T14:59:59.999Z', // Tokyo: the same
  '1948-05-01T15:00:00.000Z',
  '1948-05-01T16:00:00.000Z',
  '1948-09-11T14:30:00.000Z',
  '1948-09-11T15:30:00.000Z',
  '1948-09-11T16:30:00.000Z',
];
/** Wall clocks that one zone or the other skips, as UTC. */
const SKIPPED = ['2024-03-10T02:30:00.000Z', '1948-05-02T00:30:00.000Z', '2024-03-31T02:30:00.000Z'];
const FAR = [
  '0001-01-01T00:00:00.000Z',
  '1582-10-10T12:00:00.000Z',
  '1883-11-18T17:00:00.001Z',
  '1969-12-31T23:59:59.999Z',
  '1970-01-01T00:00:00.000Z',
  '2038-01-19T03:14:08.000Z',
  '9999-12-31T23:59:59.999Z',
];
const INSTANTS = [...CLOCK_CHANGES, ...SKIPPED, ...FAR].map((iso) => new Date(iso));
const TEXTS = [
  '',
  ' ',
  'bob ',
  ' bob',
  'bob\t',
  '🍪',
  '👩‍👩‍👧',
  'e\u0301',
  '\u00e9',
  "'; --",
  '\\',
  '\\0',
  '%_',
  '?',
  ':a',
  '$1',
  '"',
  '`',
];

// The last digits of a number are what a column loses that makes one of it.
const JSON_NUMBERS = [0, 5e-324, 1.7976931348623157e308, 2 ** 53, 2 ** 62, -2.2403399542657515e-222, 0.1 + 0.2];
const JSON_VALUES = [true, false, ...JSON_NUMBERS, '', 'text', '5', '-', 'null', '"', [], {}, [[{ a: null }]]];

const EVERY_BYTE = Array.from({ length: 256 }, (_, byte) => byte);

const EDGES: readonly (readonly [type: Parameters<typeof columnOf>[0], values: readonly unknown[]])[] = [
  ['string', [...TEXTS, 'x'.repeat(60), '🍪'.repeat(60)]],
  ['text', [...TEXTS, 'x'.repeat(60_000), '\u{1}\u{1f}\u{7f}\u{ffff}\u{10ffff}\r\n']],
  ['uuid', ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']],
  ['time', ['00:00:00', '23:59:59']],
  ['integer', [2 ** 31 - 1, -(2 ** 31), 0]],
  ['tinyint', [127, -128]],
  ['smallint', [32_767, -32_768]],
  ['mediumint', [2 ** 23 - 1, -(2 ** 23)]],
  [
    'double',
    [5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 2.2250738585072014e-308, 0.1, 1 / 3, 2 ** 53, 1e21],
  ],
  ['float', [0.1, 1 / 3, 16_777_217, 1e-30]],
  ['bigInteger', [2 ** 53 - 1, -(2 ** 53 - 1), '9007199254740992', '9223372036854775807', '-9223372036854775808', 0]],
  ['decimal', ['0.000', '-0.001', '0.100', '999999999.999', '-999999999.999']],
  ['boolean', [true, false]],
  ['date', ['0001-01-01', '9999-12-31', '2024-02-29', '2024-03-10', '1582-10-10', '1948-05-02', '1969-12-31']],
  ['datetime', INSTANTS],
  ['timestamp', INSTANTS],
  ['json', JSON_VALUES],
  ['jsonb', JSON_VALUES],
  ['binary', [Buffer.alloc(0), Buffer.from([0]), Buffer.from(EVERY_BYTE), Buffer.alloc(60_000, 0xab)]],
];

describeDatabases('a session with a column of every type', ({ name }, knex) => {
  const fields = everyColumn(name);
  let store: KnexSessionStore<typeof fields>;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), { tableName: TABLE, schemas: fields, gcInterval: 0 });
    await store.waitForSync();
  });

  afterAll(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it('comes back equal, whatever it holds', async () => {
    await fc.assert(
      fc.asyncProperty(anySession(fields), fc.boolean(), async (session, updating) => {
        if (!updating || (await store.update(SID, session)) === null) await store.set(SID, session);
        // vitest's own comparison trips over a key named `constructor`.
        deepStrictEqual(await store.get(SID), session);
        const [entry] = await store.find('all', { data: true });
        deepStrictEqual(entry?.data, session);
      }),
      { numRuns: 100 },
    );
  }, 120_000);

  it.each(EDGES)('comes back equal at the edges of %s', async (type, values) => {
    const lost: unknown[] = [];
    for (const value of values) {
      const column = columnOf(type);
      await store.set(SID, { [column]: value });
      const read = await store.get(SID);
      if (!isDeepStrictEqual(read, { [column]: value })) lost.push({ value, read: read?.[column] });
      const [entry] = await store.find('all');
      // A column rounds a float; its value stays in the JSON.
      if (type !== 'float' && !isDeepStrictEqual(entry?.columns[column], value))
        lost.push({ value, column: entry?.columns[column] });
    }
    expect(lost).toStrictEqual([]);
  });

  it('takes an ISO string for a Date', async () => {
    await store.set(SID, { c_datetime: '2024-11-03T01:30:00.5-04:00', c_timestamp: '2024-11-03T05:30Z' });
    expect(await store.get(SID)).toStrictEqual({
      c_datetime: new Date('2024-11-03T05:30:00.500Z'),
      c_timestamp: new Date('2024-11-03T05:30:00.000Z'),
    });
  });

  it('has no negative zero, as JSON has none', async () => {
    await store.set(SID, {
      c_integer: -0,
      c_tinyint: -0,
      c_double: -0,
      c_float: -0,
      c_bigInteger: -0,
      c_json: -0,
      n: -0,
    });
    expect(await store.get(SID)).toStrictEqual({
      c_integer: 0,
      c_tinyint: 0,
      c_double: 0,
      c_float: 0,
      c_bigInteger: 0,
      c_json: 0,
      n: 0,
    });
  });

  it('forgets a value that the next save does not have, and keeps null apart', async () => {
    const names = fields.map((field) => field.name);
    await store.set(SID, Object.fromEntries(EDGES.map(([type, values]) => [columnOf(type), values[0]])));
    await store.set(SID, Object.fromEntries(names.map((column) => [column, null])));
    expect(await store.get(SID)).toStrictEqual(Object.fromEntries(names.map((column) => [column, null])));
    await store.set(SID, {});
    expect(await store.get(SID)).toStrictEqual({});
    const [row] = await knex()(TABLE).select(names);
    expect(row).toStrictEqual(Object.fromEntries(names.map((column) => [column, null])));
  });
});
