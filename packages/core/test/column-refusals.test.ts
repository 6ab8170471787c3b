import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import type { ColumnType } from '../src/types.js';
import { columnOf, everyColumn } from './every-column.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_column_refusals';
const SID = 'one';

const circle: { self?: unknown } = {};
circle.self = circle;
const NO_INSTANTS = [
  5,
  '',
  'soon',
  '2024-01-01',
  '2024-01-01 00:00:00',
  '2024-01-01T00:00:00',
  '2024-13-01T00:00:00Z',
  '2024-02-01T25:00:00Z',
  new Date(Number.NaN),
  new Date('+010000-01-01T00:00:00.000Z'),
  new Date('0000-12-31T23:59:59.999Z'),
  true,
];
const NO_JSON = [() => 1, Symbol('json'), 'a\0b', { a: ['\0'] }, { 'a\0': 1 }, '\ud800', { '\udc00': 1 }];

/** Values that each type refuses. */
const REFUSED: Readonly<Partial<Record<ColumnType, readonly unknown[]>>> = {
  string: [
    5,
    true,
    {},
    [],
    ['a'],
    new Date(0),
    5n,
    Symbol('s'),
    'a\0b',
    'a\ud800',
    '\udc00a',
    'x'.repeat(61),
    '🍪'.repeat(61),
  ],
  text: [5, true, {}, [], new Date(0), 5n, 'a\0b', '\ud800'],
  enum: ['green', 'Red', 'red ', ' ', 5, true, ['red']],
  uuid: ['', 'a', '00000000-0000-0000-0000-00000000000G', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', 5, 'f'.repeat(32)],
  time: ['24:00:00', '12:00', '12:60:00', '12:00:60', '1:00:00', '12:00:00.5', '', 5, new Date(0)],
  integer: [1.5, 2 ** 31, -(2 ** 31) - 1, Number.NaN, Number.POSITIVE_INFINITY, '5', 5n, true, new Date(0)],
  tinyint: [128, -129, 0.5, '1', true],
  smallint: [32_768, -32_769, 0.5, '1'],
  mediumint: [2 ** 23, -(2 ** 23) - 1, 0.5, '1'],
  double: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, '1', 5n, true],
  float: [Number.NaN, Number.POSITIVE_INFINITY, '1', 5n, true],
  bigInteger: [
    1.5,
    2 ** 53,
    5n,
    '5',
    '9007199254740991',
    '9223372036854775808',
    '-9223372036854775809',
    '01',
    '-0',
    '1e3',
    '',
    ' 1',
    true,
  ],
  decimal: [5, '1', '1.2', '1.2345', '1000000000.000', '-0.000', '01.000', '.500', '1,000', '', '+1.000', '1e3', 5n],
  boolean: [0, 1, 'true', '', {}],
  date: [
    '2024-02-30',
    '2023-02-29',
    '2024-1-1',
    '0000-01-01',
    '2024-01-01T00:00:00Z',
    '10000-01-01',
    '',
    new Date(0),
    5,
  ],
  datetime: NO_INSTANTS,
  timestamp: NO_INSTANTS,
  json: NO_JSON,
  jsonb: NO_JSON,
  binary: ['text', new Uint8Array([1]), [1], { type: 'Buffer', data: [1] }, 5, new ArrayBuffer(1)],
};

/** A session with every column, to be compared before and after. */
const KEPT = {
  c_string: 'kept',
  c_integer: 5,
  c_datetime: new Date('2024-03-10T07:00:00.000Z'),
  c_json: { kept: [1] },
  c_binary: Buffer.from('kept'),
  c_enum: 'red',
  other: { kept: true },
};

describeDatabases('a value that a column cannot hold', ({ name }, knex) => {
  const fields = everyColumn(name);
  let store: KnexSessionStore<typeof fields>;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), { tableName: TABLE, schemas: fields, gcInterval: 0 });
    await store.waitForSync();
  });

  beforeEach(async () => {
    await store.clear();
    await store.set(SID, KEPT);
  });

  afterAll(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it.each(Object.entries(REFUSED))('is refused by name, and the stored session stays: %s', async (type, values) => {
    const column = columnOf(type as ColumnType);
    const refusal = failure('COLUMN_VALUE', `'${column}'`, 'from');
    for (const value of values) {
      const session = { ...KEPT, [column]: value, other: 'changed' };
      await expect(store.set(SID, session), String(value)).rejects.toEqual(refusal);
      await expect(store.update(SID, session), String(value)).rejects.toEqual(refusal);
      await expect(store.set('another', session), String(value)).rejects.toEqual(refusal);
    }
    expect(await store.get(SID)).toStrictEqual(KEPT);
    expect(await store.count('all')).toBe(1);
  });

  it.each(['json', 'jsonb'] as const)('is refused with an error of ours where JSON itself fails: %s', async (type) => {
    for (const value of [circle, { n: 5n }, 5n]) {
      const refusal = expect.objectContaining({
        name: 'KssError',
        code: expect.stringMatching(/^(UNSERIALIZABLE|COLUMN_VALUE)$/),
      });
      await expect(store.set(SID, { [columnOf(type)]: value })).rejects.toEqual(refusal);
    }
    expect(await store.get(SID)).toStrictEqual(KEPT);
  });

  it('is never shown in the message', async () => {
    await expect(store.set(SID, { c_string: `hunter2${'x'.repeat(60)}` })).rejects.toEqual(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});
