import { describe, expect, it } from 'vitest';
import { columnTypes } from '../src/column-types.js';
import { resolveOptions } from '../src/options.js';
import { failure } from './failure.js';

const refusal = (...words: string[]) => failure('INVALID_OPTION', ...words);
const withField = (field: unknown) => ({ schemas: [field] });

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

describe('a schema column', () => {
  it.each([null, undefined, 5, 'user_id', true])('%j is refused', (field) => {
    expect(() => resolveOptions(withField(field))).toThrow(refusal('schemas[0]'));
  });

  it('is named by its place', () => {
    const good = { name: 'user_id', type: 'string' };
    expect(() => resolveOptions({ schemas: [good, { ...good, name: 'a.b' }] })).toThrow(refusal('schemas[1].name'));
  });

  it.each([
    ['idx', 'index'],
    ['arg', 'args'],
    ['Type', 'type'],
    ['nullable', undefined],
  ])('has no key %s', (key, nearest) => {
    const refuse = () => resolveOptions(withField({ name: 'user_id', type: 'string', [key]: true }));
    expect(refuse).toThrow(refusal(`${key} is no key of schemas[0]`, ...(nearest === undefined ? [] : [nearest])));
  });

  it.each([...NO_NAMES, '__proto__', 5, null, undefined])('is not named %j', (name) => {
    expect(() => resolveOptions(withField({ name, type: 'string' }))).toThrow(refusal('schemas[0].name must'));
  });

  it.each(['strin', 'varchar', 'increments', 'specificType', 'point', 'toString', '', 5, null, undefined])(
    'is not of type %j',
    (type) => {
      expect(() => resolveOptions(withField({ name: 'a', type }))).toThrow(
        refusal('schemas[0].type must be one of', 'string, text', 'binary'),
      );
    },
  );

  it.each([
    ['args', 100],
    ['args', 'abc'],
    ['args', {}],
    ['extra', 'unique'],
    ['extra', {}],
    ['from', ''],
    ['from', '.a'],
    ['from', 'a..b'],
    ['from', 'a.'],
    ['from', 5],
    ['from', ['a', 'b']],
    ['index', 'yes'],
    ['index', 1],
  ])('is refused with the %s %j', (key, value) => {
    expect(() => resolveOptions(withField({ name: 'a', type: 'string', [key]: value }))).toThrow(
      refusal(`schemas[0].${key} must be`),
    );
  });

  it.each([{ args: undefined }, { args: [] }, { args: ['a', 'b'] }, { args: [[1, 2]] }])(
    'that is an enum needs its strings, not %j',
    (given) => {
      expect(() => resolveOptions(withField({ name: 'a', type: 'enum', ...given }))).toThrow(refusal('schemas[0]'));
    },
  );

  it.each(columnTypes.filter((type) => type !== 'enum'))('may be a %s', (type) => {
    expect(resolveOptions(withField({ name: 'a', type })).schemas).toStrictEqual([{ name: 'a', type }]);
  });
});

describe('two columns of one name', () => {
  const column = (name: string) => ({ name, type: 'string' });

  it.each([
    ['a schema column and the sid', withField(column('sid'))],
    ['a schema column and the sid, in another case', withField(column('SID'))],
    ['a schema column and the expiry', withField(column('expire_at'))],
    ['a schema column and the JSON', withField(column('additional'))],
    ['a schema column and the revision', withField(column('revision'))],
    ['a schema column and a renamed one', { sidName: 'user_id', ...withField(column('user_id')) }],
    ['a schema column and a timestamp', { timestamps: true, ...withField(column('created_at')) }],
    ['two schema columns', { schemas: [column('a'), column('a')] }],
    ['two schema columns that differ in case', { schemas: [column('a'), column('A')] }],
    ['two of ours', { sidName: 'x', expireAtName: 'x' }],
    ['one of ours and a timestamp', { timestamps: true, expireAtName: 'updated_at' }],
  ])('are refused: %s', (_, options) => {
    expect(() => resolveOptions(options)).toThrow(refusal('Two columns are named'));
  });

  it('are not there where the timestamps are off, or the names were moved', () => {
    expect(resolveOptions(withField(column('created_at'))).schemas).toHaveLength(1);
    expect(resolveOptions({ sidName: 'id', ...withField(column('sid')) }).schemas).toHaveLength(1);
  });
});
