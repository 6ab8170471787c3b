import type { DatabaseName } from '@kss/test-kit';
import fc from 'fast-check';
import type { ColumnType, SchemaField } from '../src/types.js';

const COLORS = ['red', 'RED', 'dark blue', 'żółty', ''];

/** A column of every type; `jsonb` where the database has it. */
export function everyColumn(database: DatabaseName): readonly SchemaField[] {
  return [
    { name: 'c_string', type: 'string', args: [60] },
    { name: 'c_text', type: 'text' },
    { name: 'c_enum', type: 'enum', args: [COLORS] },
    { name: 'c_uuid', type: 'uuid' },
    { name: 'c_time', type: 'time' },
    { name: 'c_integer', type: 'integer' },
    { name: 'c_tinyint', type: 'tinyint' },
    { name: 'c_smallint', type: 'smallint' },
    { name: 'c_mediumint', type: 'mediumint' },
    { name: 'c_double', type: 'double' },
    { name: 'c_float', type: 'float' },
    { name: 'c_bigInteger', type: 'bigInteger' },
    { name: 'c_decimal', type: 'decimal', args: [12, 3] },
    { name: 'c_boolean', type: 'boolean' },
    { name: 'c_date', type: 'date' },
    { name: 'c_datetime', type: 'datetime' },
    { name: 'c_timestamp', type: 'timestamp' },
    { name: 'c_json', type: 'json' },
    { name: 'c_jsonb', type: database === 'mariadb' ? 'json' : 'jsonb' },
    { name: 'c_binary', type: 'binary' },
  ];
}

/** The name of the column of a type. */
export const columnOf = (type: ColumnType) => `c_${type}`;

const character = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((one) => one !== '\0');
/** Text that SQL can hold: no NUL and no lone surrogate. */
/** PGlite's decoder drops a byte order mark before a text; `column-values.test.ts` has one for the others. */
export const isUnmarked = (text: string) => !text.startsWith('\ufeff');

export const textOf = (maxLength: number) => fc.string({ unit: character, maxLength }).filter(isUnmarked);
/** As JSON gives it back: without a negative zero. */
const json = (unit: fc.Arbitrary<string>) =>
  fc.jsonValue({ stringUnit: unit }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const twoDigits = (max: number) => fc.integer({ min: 0, max }).map((n) => String(n).padStart(2, '0'));
/** An instant of the years that every database knows. */
export const instant = fc.date({
  min: new Date('0001-01-01T00:00:00.000Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
});
const finite = { noNaN: true, noDefaultInfinity: true };
const positive = (n: number) => n + 0; // -0 + 0 is 0

/** What each type can hold. */
const VALUES: Readonly<Record<ColumnType, fc.Arbitrary<unknown>>> = {
  string: textOf(60),
  text: textOf(500),
  enum: fc.constantFrom(...COLORS),
  uuid: fc.uuid(),
  time: fc.tuple(twoDigits(23), twoDigits(59), twoDigits(59)).map((parts) => parts.join(':')),
  integer: fc.integer(),
  tinyint: fc.integer({ min: -128, max: 127 }),
  smallint: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
  mediumint: fc.integer({ min: -(2 ** 23), max: 2 ** 23 - 1 }),
  double: fc.double(finite).map(positive),
  float: fc.float(finite).map(positive),
  bigInteger: fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((big) => (Number.isSafeInteger(Number(big)) ? Number(big) : String(big))),
  decimal: fc
    .integer({ min: -999_999_999_999, max: 999_999_999_999 })
    .map((thousandths) => decimalText(BigInt(thousandths), 3)),
  boolean: fc.boolean(),
  date: instant.map((date) => date.toISOString().slice(0, 10)),
  datetime: instant,
  timestamp: instant,
  json: json(character),
  jsonb: json(character),
  binary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
};

/** What the plain column of a type can hold. */
export const heldBy = (type: ColumnType): fc.Arbitrary<unknown> => VALUES[type];

/** A decimal string of so many units of its last place, as a column of that scale gives it. */
export function decimalText(units: bigint, scale: number): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  const decimals = digits.slice(digits.length - scale);
  return `${units < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}${scale === 0 ? '' : `.${decimals}`}`;
}

/** Any session: each column absent, null or with a value that it can hold, beside any other keys. */
export function anySession(fields: readonly SchemaField[]): fc.Arbitrary<Record<string, unknown>> {
  const names = new Set([...fields.map(({ name }) => name), 'cookie', '__proto__']);
  const key = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('sid', 'expire_at', 'additional', 'revision', 'constructor', 'toString', 'toJSON'),
  );
  const others = fc.dictionary(
    key.filter((one) => !names.has(one)),
    json(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })),
    { noNullPrototype: true },
  );
  const columns = fc.record(
    Object.fromEntries(fields.map(({ name, type }) => [name, fc.option(VALUES[type], { nil: null, freq: 6 })])),
    { requiredKeys: [], noNullPrototype: true },
  );
  return fc.tuple(others, columns).map(([rest, known]) => ({ ...rest, ...known }));
}
