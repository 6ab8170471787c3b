import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../src/options.js';
import { failure } from './failure.js';

const refusal = (...words: string[]) => failure('INVALID_OPTION', ...words);

describe('the defaults', () => {
  it('are those of the documentation', () => {
    expect(resolveOptions()).toStrictEqual({
      tableName: 'sessions',
      schemaName: undefined,
      sidName: 'sid',
      expireAtName: 'expire_at',
      additionalName: 'additional',
      revisionName: 'revision',
      timestamps: false,
      sync: true,
      syncTimeout: 3000,
      gcInterval: 3_600_000,
      gcFrequency: 0,
      maxAge: 86_400_000,
      schemas: [],
      timeout: 10_000,
      touchAfter: 0,
      batch: { maxSize: 100, concurrency: 4, prepare: true },
      onConflict: 'merge',
      hashSid: false,
      codec: undefined,
      maxSessionBytes: 16_777_216,
      onError: undefined,
      layout: undefined,
      split: false,
      filename: undefined,
    });
  });

  it('stand where an option is undefined', () => {
    const nothing = Object.fromEntries(Object.keys(resolveOptions()).map((name) => [name, undefined]));
    expect(resolveOptions(nothing)).toStrictEqual(resolveOptions());
  });
});

describe('the resolved options', () => {
  it('hold what was given', () => {
    const onError = () => {};
    const from = () => null;
    const given = {
      tableName: 'user-sessions',
      schemaName: 'app',
      sidName: 'id',
      expireAtName: 'ends',
      additionalName: 'rest',
      revisionName: 'rev',
      timestamps: true,
      sync: false,
      syncTimeout: 1,
      gcInterval: Number.POSITIVE_INFINITY,
      gcFrequency: 100,
      maxAge: Number.POSITIVE_INFINITY,
      timeout: 2 ** 31 - 1,
      touchAfter: Number.POSITIVE_INFINITY,
      batch: { maxSize: 1, concurrency: 1000, prepare: false },
      onConflict: 'reject',
      hashSid: true,
      codec: { encode: (json: string) => json, decode: (stored: string) => stored },
      maxSessionBytes: 1,
      onError,
      filename: './s.sqlite',
      schemas: [
        { name: 'user_id', type: 'string', args: [100], index: true },
        { name: 'kind', type: 'enum', args: [['a', 'b']], from },
        { name: 'größe$1', type: 'integer', from: 'a.b' },
      ],
    };
    expect(resolveOptions(given)).toStrictEqual({ ...given, layout: undefined, split: false });
  });

  it('are frozen, and do not change with what was given', () => {
    const args = [100];
    const field = { name: 'user_id', type: 'string', args };
    const given = { tableName: 'a', schemas: [field] };
    const options = resolveOptions(given);
    given.tableName = 'b';
    given.schemas.push({ name: 'other', type: 'string', args: [] });
    field.type = 'text';
    args.push(5);
    expect(options.tableName).toBe('a');
    expect(options.schemas).toStrictEqual([{ name: 'user_id', type: 'string', args: [100] }]);
    for (const one of [options, options.schemas, options.schemas[0], options.schemas[0]?.args]) {
      expect(Object.isFrozen(one)).toBe(true);
    }
  });
});

describe('what is no option', () => {
  it.each([
    ['table_name', 'tableName'],
    ['tablename', 'tableName'],
    ['tableNames', 'tableName'],
    ['sidname', 'sidName'],
    ['sidfieldname', undefined],
    ['clearInterval', undefined],
    ['gc_interval', 'gcInterval'],
    ['max_age', 'maxAge'],
    ['schema', 'schemas'],
    ['createTable', undefined],
    ['toString', undefined],
    ['zzz', undefined],
  ])('%s is refused by its name, with the nearest right one: %s', (name, nearest) => {
    const refuse = () => resolveOptions({ [name]: 1 });
    expect(refuse).toThrow(refusal(`${name} is no option`));
    if (nearest !== undefined) expect(refuse).toThrow(refusal(`${name} is no option; did you mean ${nearest}?`));
  });

  it('is refused though it is undefined', () => {
    expect(() => resolveOptions({ table_name: undefined })).toThrow(refusal('table_name is no option'));
  });

  it.each([null, [], 'sessions', 5, true])('%j is no set of options', (given) => {
    expect(() => resolveOptions(given as unknown as object)).toThrow(refusal('options must be an object'));
  });
});

const NO_NAMES = [
  '',
  ' ',
  'a b',
  'a.b',
  '.a',
  'a"b',
  'a`b',
  "a'b",
  'a?b',
  'a as b',
  'a[1]',
  '1a',
  'a\0',
  '*',
  'x'.repeat(64),
];
const NO_DURATIONS = [-1, Number.NaN, '1000', null, true, {}, 5n];
const COLUMN_NAMES = ['tableName', 'schemaName', 'sidName', 'expireAtName', 'additionalName', 'revisionName'];

/** Wrong values, each with the name of its option. */
const WRONG: readonly (readonly [name: string, value: unknown])[] = [
  ...COLUMN_NAMES.flatMap((name) => [...NO_NAMES, 5, null, {}, []].map((value) => [name, value] as const)),
  ...['timestamps', 'sync'].flatMap((name) => ['true', 0, 1, null, {}].map((value) => [name, value] as const)),
  ...['syncTimeout', 'timeout'].flatMap((name) =>
    [...NO_DURATIONS, 0, 2 ** 31, Number.POSITIVE_INFINITY].map((value) => [name, value] as const),
  ),
  ...NO_DURATIONS.map((value) => ['gcInterval', value] as const),
  ...[...NO_DURATIONS, 0].map((value) => ['maxAge', value] as const),
  ...[...NO_DURATIONS, 0.5, Number.POSITIVE_INFINITY].map((value) => ['gcFrequency', value] as const),
  ...[null, 'log', {}, true].map((value) => ['onError', value] as const),
  ...['', 5, null, {}].map((value) => ['filename', value] as const),
  ...[null, {}, 'user_id', 5, new Set()].map((value) => ['schemas', value] as const),
];

describe('a wrong value', () => {
  it.each(WRONG.map(([name, value]) => ({ name, value })))('of $name is refused: $value', ({ name, value }) => {
    expect(() => resolveOptions({ [name]: value })).toThrow(refusal(`${name} must be`));
  });

  it('of tableName hints at schemaName where it has a dot', () => {
    expect(() => resolveOptions({ tableName: 'app.sessions' })).toThrow(
      refusal('tableName', 'app.sessions', 'schemaName'),
    );
  });
});

describe('what calls share', () => {
  it('is completed by the defaults', () => {
    expect(resolveOptions({ batch: { maxSize: 7 } }).batch).toStrictEqual({
      maxSize: 7,
      concurrency: 4,
      prepare: true,
    });
    expect(resolveOptions({ batch: { prepare: undefined } }).batch).toStrictEqual(resolveOptions().batch);
    expect(resolveOptions({ batch: false }).batch).toBe(false);
  });

  it.each<[object, string]>([
    [{ batch: true }, 'batch must be false or an object'],
    [{ batch: null }, 'batch must be false or an object'],
    [{ batch: { maxsize: 1 } }, 'maxsize is no key of batch; did you mean maxSize?'],
    [{ batch: { maxSize: 0 } }, 'batch.maxSize must be a whole number from 1'],
    [{ batch: { maxSize: 1001 } }, 'batch.maxSize'],
    [{ batch: { concurrency: 1.5 } }, 'batch.concurrency'],
    [{ batch: { prepare: 1 } }, 'batch.prepare must be true or false'],
    [{ touchAfter: -1 }, 'touchAfter'],
    [{ touchAfter: '60000' }, 'touchAfter'],
    [{ onConflict: 'ignore' }, "onConflict must be 'merge', 'overwrite' or 'reject'"],
    [{ hashSid: 1 }, 'hashSid must be true or false'],
    [{ codec: { encode() {} } }, 'codec must have the functions encode and decode'],
    [{ codec: null }, 'codec must have'],
    [{ maxSessionBytes: 0 }, 'maxSessionBytes'],
    [{ maxSessionBytes: Number.POSITIVE_INFINITY }, 'maxSessionBytes'],
  ])('%j is refused', (options, message) => {
    expect(() => resolveOptions(options)).toThrow(refusal(message));
  });
});
