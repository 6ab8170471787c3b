import { describe, expect, it } from 'vitest';
import { decodeSession } from '../src/codec.js';
import type { SchemaField } from '../src/types.js';
import { EXPIRE_AT, encode, layout, roundTrip } from './codec-parts.js';
import { failure } from './failure.js';

describe('what cannot be stored', () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const bad = {
    get trap(): unknown {
      throw new TypeError('a getter that throws');
    },
  };
  const throwing = {
    toJSON() {
      throw new TypeError('a toJSON that throws');
    },
  };

  it.each([
    ['a circle', { circle }],
    ['a BigInt', { n: 5n }],
    ['a toJSON that throws', { throwing }],
    ['a toJSON of its own that throws', throwing],
    ['a getter that throws', bad],
    ['a circle beside a column', { user_id: 'ada', circle }],
  ])('is UNSERIALIZABLE: %s', (_, session) => {
    expect(() => encode(session)).toThrow(failure('UNSERIALIZABLE'));
    expect(() => encode(session, layout([]))).toThrow(failure('UNSERIALIZABLE'));
  });

  it.each([
    ['a circle', circle],
    ['a BigInt', { n: 5n }],
    ['a toJSON that throws', throwing],
  ])('is refused in a column of JSON with an error of ours: %s', (_, settings) => {
    expect(() => encode({ settings })).toThrow(
      expect.objectContaining({ name: 'KssError', code: expect.stringMatching(/^(UNSERIALIZABLE|COLUMN_VALUE)$/) }),
    );
  });

  it.each([
    ['an array', []],
    ['null', null],
    ['a string', 'session'],
    ['a number', 5],
    ['nothing', undefined],
  ])('is UNSERIALIZABLE: %s for a session', (_, session) => {
    expect(() => encode(session as unknown as object)).toThrow(failure('UNSERIALIZABLE'));
  });

  it('names the column whose value does not fit', () => {
    expect(() => encode({ visits: 'many' })).toThrow(failure('COLUMN_VALUE', "'visits'"));
    expect(() => encode({ passport: { user: 5 } })).toThrow(failure('COLUMN_VALUE', "'passport_user'"));
  });

  it("names the column whose 'from' threw", () => {
    const from = () => {
      throw new TypeError('no such thing');
    };
    const fields: SchemaField[] = [{ name: 'user_id', type: 'string', from }];
    expect(() => encode({}, layout(fields))).toThrow(failure('COLUMN_VALUE', "'user_id'"));
  });
});

describe("a column's 'from'", () => {
  const from = (path: SchemaField['from']) =>
    layout([{ name: 'user_id', type: 'string', ...(path !== undefined && { from: path }) }]);

  it.each([
    ['a.b.c', { a: { b: { c: 'ada' } } }, 'ada'],
    ['a.b.c', { a: { b: null } }, null],
    ['a.b.c', { a: 'text' }, null],
    ['a.length', { a: 'text' }, null],
    ['a.0', { a: ['ada'] }, 'ada'],
    ['constructor.name', {}, null],
    ['__proto__.polluted', {}, null],
  ])('%s of %j is %j', (path, session, value) => {
    expect(encode(session, from(path)).values).toStrictEqual([value]);
    expect(roundTrip(session, from(path))).toStrictEqual(session);
  });

  it('may be a function of the session', () => {
    const fields = from((session) => (session as { users: string[] }).users[0]?.toLowerCase());
    expect(encode({ users: ['ADA'] }, fields).values).toStrictEqual(['ada']);
    expect(encode({ users: [] }, fields).values).toStrictEqual([null]);
  });
});

describe('a row that cannot be read', () => {
  it.each(['', '{', '{"a":1', 'undefined', '[]', '5', '"text"', 'null', 'true'])('is UNREADABLE_ROW: %s', (broken) => {
    const row = { key: 'sid', expireAt: EXPIRE_AT, text: broken, values: layout().owned.map(() => null) };
    expect(() => decodeSession(row, layout())).toThrow(failure('UNREADABLE_ROW'));
  });

  it('does not show what it holds', () => {
    const row = { key: 'sid', expireAt: EXPIRE_AT, text: '{"password":"hunter2', values: [] };
    expect(() => decodeSession(row, layout([]))).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});
