import type { DatabaseName } from '@kss/test-kit';
import fc from 'fast-check';
import type { ColumnType, SchemaField } from '../src/types.js';
import { decimalText, heldBy, instant, isUnmarked, textOf } from './every-column.js';

/** A column as its arguments and `extra` make it, with values that it can hold. */
export interface Variant {
  readonly field: SchemaField;
  readonly held: fc.Arbitrary<unknown>;
}

const MOODS = ['', 'sad', 'SAD', 'very sad', '🍪', 'e\u0301', '\u00e9'];
const MARKS = ['', ' ', 'sad ', 'SAD', "'", '"', '\\', '?', ':a', '🍪', 'e\u0301', '\u00e9'];

const integers = (max: number) => fc.oneof(fc.integer({ min: 0, max }), fc.constantFrom(0, 1, max));
const marked = (arbitrary: fc.Arbitrary<unknown>) => fc.oneof({ arbitrary, weight: 3 }, fc.constantFrom(...MARKS));
const rounded = (step: number) => instant.map((date) => new Date(Math.floor(date.getTime() / step) * step));
const decimal = (precision: number, scale: number) =>
  fc
    .bigInt({ min: -(10n ** BigInt(precision)) + 1n, max: 10n ** BigInt(precision) - 1n })
    .map((digits) => decimalText(digits, scale));

/** SQLite keeps 15 digits of a decimal, and has no more to offer. */
const digits = (database: DatabaseName, precision: number) =>
  database === 'sqlite' ? Math.min(15, precision) : precision;

/** What knex makes of arguments and `extra`; the plain types are those of every-column.ts. */
export function columnVariants(database: DatabaseName): readonly Variant[] {
  const variants: readonly (readonly [field: Omit<SchemaField, 'name'>, held: fc.Arbitrary<unknown>])[] = [
    [{ type: 'string', args: [1] }, marked(textOf(1)).filter((text) => Array.from(String(text)).length <= 1)],
    [{ type: 'string', args: [255], index: true }, marked(textOf(255))],
    [{ type: 'text', args: ['mediumtext'] }, marked(textOf(3000))],
    [{ type: 'text', args: ['longtext'] }, marked(textOf(3000))],
    [{ type: 'enum', args: [MOODS] }, fc.constantFrom(...MOODS)],
    [{ type: 'time', args: [{ precision: 6 }] }, heldBy('time')],
    [{ type: 'integer', extra: (column) => column.unsigned() }, integers(2 ** 31 - 1)],
    [{ type: 'tinyint', args: [1] }, heldBy('tinyint')],
    [{ type: 'tinyint', extra: (column) => column.unsigned() }, integers(127)],
    [{ type: 'smallint', extra: (column) => column.unsigned() }, integers(2 ** 15 - 1)],
    [{ type: 'mediumint', extra: (column) => column.unsigned() }, integers(2 ** 23 - 1)],
    [{ type: 'bigInteger', index: true, extra: (column) => column.unsigned() }, integers(Number.MAX_SAFE_INTEGER)],
    [{ type: 'decimal' }, decimal(8, 2)],
    [{ type: 'decimal', args: [35, 0], index: true }, decimal(digits(database, 35), 0)],
    [{ type: 'decimal', args: [30, 15] }, decimal(digits(database, 30), 15)],
    [{ type: 'decimal', args: [10, 10] }, decimal(10, 10)],
    [{ type: 'datetime', args: [{ precision: 0 }] }, rounded(1000)],
    [{ type: 'datetime', args: [{ precision: 1, useTz: false }] }, rounded(100)],
    [{ type: 'datetime', args: [{ precision: 3 }], index: true }, instant],
    [{ type: 'timestamp', args: [{ precision: 2, useTz: true }] }, rounded(10)],
    [{ type: 'timestamp', args: [{ precision: 6, useTz: false }] }, instant],
    [{ type: 'timestamp', args: [true, 3] }, instant],
    [{ type: 'timestamp', args: [false, 3] }, instant],
    [{ type: 'binary', args: [300] }, heldBy('binary')],
  ];
  const shown = ({ type, args = [], extra }: Omit<SchemaField, 'name'>) =>
    [type, ...JSON.stringify(args).matchAll(/\w+/g), ...(extra ? ['extra'] : [])].join('_').slice(0, 40);
  return variants.map(([field, held], i) => ({ field: { name: `v${i}_${shown(field)}`, ...field }, held }));
}

const nearInstants = fc.oneof(
  fc.date({ noInvalidDate: false }),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.constantFrom('2024-02-30T00:00:00Z', '2024-01-01 00:00:00', '2024-01-01T00:00Z', '2024-01-01T00:00:00.123456789Z'),
);
const nearIntegers = fc.oneof(
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom(
    ...[7, 8, 15, 16, 23, 24, 31, 32, 53, 63, 64].flatMap((bits) => [
      2 ** bits,
      2 ** bits - 1,
      -(2 ** bits),
      -(2 ** bits) - 1,
    ]),
  ),
);
const nearTexts = fc.oneof(
  fc
    .string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)), maxLength: 400 })
    .filter(isUnmarked),
  fc.string({ unit: 'binary', maxLength: 70 }).filter(isUnmarked),
  fc.constantFrom('x'.repeat(256), '🍪'.repeat(255), '🍪'.repeat(256), 'ź'.repeat(40_000), 'Red', 'red '),
);

/** Values near the border of what a type holds, on either side of it. */
const NEAR: Readonly<Partial<Record<ColumnType, fc.Arbitrary<unknown>>>> = {
  string: nearTexts,
  text: nearTexts,
  enum: nearTexts,
  uuid: fc.uuid().map((uuid) => uuid.toUpperCase()),
  time: fc.constantFrom('24:00:00', '23:59:60', '-01:00:00', '00:00:00.0', '838:59:59', '12:00'),
  integer: nearIntegers,
  tinyint: nearIntegers,
  smallint: nearIntegers,
  mediumint: nearIntegers,
  bigInteger: fc.oneof(nearIntegers, fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String)),
  double: fc.oneof(fc.double(), fc.constantFrom(999_999.99, 999_999.994, 1_000_000, 0.001)),
  float: fc.double(),
  decimal: fc.oneof(
    fc
      .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 20 }))
      .chain(([precision, scale]) => decimal(precision, scale)),
    fc.constantFrom('1e3', 'NaN', 'Infinity', '-0.00', '00.10', '.10', '1.', ''),
  ),
  date: fc.constantFrom('0000-01-01', '2024-02-30', '10000-01-01', '-000001-01-01', '2024-02-29', '1900-02-29'),
  datetime: nearInstants,
  timestamp: nearInstants,
  json: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\0', '\ud800', { '\0': 1 }, [], {})),
  binary: fc.oneof(
    fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
    fc.uint8Array(),
    fc.constant(Buffer.alloc(70_000)),
  ),
};

const whatever = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSparseArray: true,
  withTypedArray: true,
});

/** A value of which nobody knows whether a column of the type holds it; never one that means "none". */
export function anyValue(type: ColumnType): fc.Arbitrary<unknown> {
  const near = NEAR[type === 'jsonb' ? 'json' : type];
  return (near === undefined ? whatever : fc.oneof({ arbitrary: near, weight: 3 }, whatever)).filter(
    (value) => value !== null && value !== undefined,
  );
}
