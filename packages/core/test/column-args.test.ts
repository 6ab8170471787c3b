import { isDeepStrictEqual } from 'node:util';
import { describeDatabases } from '@kss/test-kit';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { isKssError, KnexSessionStore } from '../src/index.js';
import type { SchemaField } from '../src/types.js';

const TABLE = 'kss_test_column_args';
const TYPE = 'kss_test_mood';

const INSTANTS = [
  '2024-03-10T07:00:00.000Z',
  '2024-03-10T07:00:00.001Z',
  '2024-03-10T02:30:00.999Z',
  '2040-01-01T00:00:00.500Z',
  '1969-12-31T23:59:59.999Z',
  '0001-01-01T00:00:00.000Z',
  '9999-12-31T23:59:59.999Z',
].map((iso) => new Date(iso));
const NUMBERS = [0, 1, -1, 0.1, 0.125, 1 / 3, 12_345_678.9, 1e300, 5e-324];
const DECIMALS = [
  '0',
  '5',
  '-5',
  '0.1',
  '0.12',
  '-0.12',
  '123.45',
  '999.99',
  '1000.00',
  '0.1234567890',
  '12345678901234567890',
];
const TEXTS = [
  '',
  'bob',
  'bob ',
  'x'.repeat(5),
  '🍪'.repeat(5),
  '🍪'.repeat(6),
  'x'.repeat(255),
  'x'.repeat(300),
  'x'.repeat(70_000),
];
const BYTES = [
  Buffer.alloc(0),
  Buffer.from([0]),
  Buffer.alloc(5, 7),
  Buffer.from([7, 0]),
  Buffer.alloc(6, 7),
  Buffer.alloc(70_000),
];

/** What may be said of a column with arguments and `extra`, with values of which some fit. */
const CASES: readonly (readonly [title: string, field: Omit<SchemaField, 'name'>, values: readonly unknown[]])[] = [
  ['timestamp without arguments', { type: 'timestamp' }, INSTANTS],
  ['timestamp without a zone', { type: 'timestamp', args: [{ useTz: false }] }, INSTANTS],
  ['timestamp with a zone', { type: 'timestamp', args: [{ useTz: true }] }, INSTANTS],
  ['timestamp of whole seconds', { type: 'timestamp', args: [{ precision: 0 }] }, INSTANTS],
  ['timestamp of milliseconds', { type: 'timestamp', args: [{ precision: 3 }] }, INSTANTS],
  ['timestamp of microseconds', { type: 'timestamp', args: [{ precision: 6, useTz: false }] }, INSTANTS],
  ['datetime without a zone', { type: 'datetime', args: [{ useTz: false }] }, INSTANTS],
  ['datetime of tenths', { type: 'datetime', args: [{ precision: 1 }] }, INSTANTS],
  ['datetime of microseconds', { type: 'datetime', args: [{ precision: 6 }] }, INSTANTS],
  ['time of milliseconds', { type: 'time', args: [{ precision: 3 }] }, ['00:00:00', '12:34:56']],
  ['double of two decimals', { type: 'double', args: [8, 2] }, NUMBERS],
  ['float without arguments', { type: 'float' }, NUMBERS],
  ['decimal without arguments', { type: 'decimal' }, DECIMALS],
  ['decimal without decimals', { type: 'decimal', args: [20, 0] }, DECIMALS],
  ['decimal of two decimals', { type: 'decimal', args: [5, 2] }, DECIMALS],
  ['decimal of ten decimals', { type: 'decimal', args: [15, 10] }, DECIMALS],
  ['unsigned integer', { type: 'integer', extra: (column) => column.unsigned() }, [0, 1, -1, 2 ** 31 - 1]],
  ['string without arguments', { type: 'string' }, TEXTS],
  ['string of five', { type: 'string', args: [5] }, TEXTS],
  ['text', { type: 'text' }, TEXTS],
  ['long text', { type: 'text', args: ['longtext'] }, TEXTS],
  ['binary', { type: 'binary' }, BYTES],
  ['binary of five', { type: 'binary', args: [5] }, BYTES],
  [
    'native enum',
    { type: 'enum', args: [['glad', 'sad'], { useNative: true, enumName: TYPE }] },
    ['glad', 'sad', 'mad'],
  ],
  ['required', { type: 'string', extra: (column) => column.notNullable().defaultTo('none') }, ['bob', '']],
];

type Fields = readonly SchemaField[];

describeDatabases('a column with arguments', ({ name }, knex) => {
  let store: KnexSessionStore<Fields> | undefined;

  const clean = async () => {
    await store?.close();
    await knex().schema.dropTableIfExists(TABLE);
    if (name === 'postgres' || name === 'pglite') await knex().raw(`drop type if exists ${TYPE}`);
  };
  beforeAll(clean);
  afterEach(clean);

  it.each(CASES)('gives back what went in, or refuses it: %s', async (_, field, values) => {
    const schemas: Fields = [{ name: 'a', ...field }];
    const used = new KnexSessionStore<Fields>(knex(), { tableName: TABLE, schemas, gcInterval: 0 });
    store = used;
    await used.waitForSync();
    const changed: unknown[] = [];
    let kept = 0;
    for (const value of values) {
      const refusal = await used.set('one', { a: value }).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (isKssError(refusal, 'COLUMN_VALUE')) continue;
      if (refusal !== undefined) throw refusal;
      const read = await used.get('one');
      if (isDeepStrictEqual(read, { a: value })) kept += 1;
      else changed.push({ value, read: read?.a });
      const found = await used.count({ a: value });
      if (found !== 1) changed.push({ value, found });
    }
    expect(changed).toStrictEqual([]);
    expect(kept).toBeGreaterThan(0);
  });
});
