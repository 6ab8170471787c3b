import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSession } from '../src/codec.js';
import { decode, EXPIRE_AT, encode, FIELDS, layout, roundTrip } from './codec-parts.js';

const json = fc.jsonValue({ stringUnit: 'binary' }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const text = fc.string({ unit: 'binary', maxLength: 50 }).filter((one) => !one.includes('\0'));
const key = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('sid', 'expire_at', 'additional', 'revision', 'created_at', 'toString', 'hasOwnProperty', 'toJSON'),
);
const rest = fc.dictionary(
  key.filter((one) => one !== '__proto__' && one !== 'cookie' && FIELDS.every(({ name }) => name !== one)),
  json,
  { noNullPrototype: true },
);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const columns = fc.record(
  {
    user_id: maybe(text),
    visits: maybe(fc.integer()),
    seen_at: maybe(
      fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true }),
    ),
    settings: maybe(fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown)),
    avatar: maybe(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
    score: maybe(fc.float({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0)),
    constructor: maybe(fc.boolean()),
    passport: fc.record(
      { user: maybe(text), strategy: fc.constant('local') },
      { requiredKeys: [], noNullPrototype: true },
    ),
  },
  { requiredKeys: [], noNullPrototype: true },
);

describe('a session taken apart and put together', () => {
  it('is equal, whatever JSON it holds, where there are no columns', () => {
    fc.assert(
      fc.property(rest, (session) => {
        expect(roundTrip(session, layout([]))).toStrictEqual({ ...session });
      }),
    );
  });

  it('is equal, whatever its columns and its other keys are', () => {
    fc.assert(
      fc.property(rest, columns, (others, known) => {
        const session = { ...others, ...known };
        expect(roundTrip(session)).toStrictEqual(session);
      }),
    );
  });

  it('is a fresh, plain, mutable object each time', () => {
    class Session {
      user_id = 'ada';
      cart = { items: [1] };
    }
    const encoded = encode(new Session());
    const [one, other] = [decode(encoded), decode(encoded)];
    expect(Object.getPrototypeOf(one)).toBe(Object.prototype);
    expect(one).toStrictEqual({ user_id: 'ada', cart: { items: [1] } });
    expect(one.cart).not.toBe(other.cart);
    one.user_id = 'bob';
    (one.cart as { items: number[] }).items.push(2);
    expect(other).toStrictEqual({ user_id: 'ada', cart: { items: [1] } });
  });

  it.each([{ schemas: FIELDS }, { schemas: [] }])(
    'keeps keys named like columns and prototypes ($schemas.length columns)',
    ({ schemas }) => {
      const names = ['sid', 'expire_at', 'additional', 'revision', 'created_at', '__proto__', 'prototype', 'valueOf'];
      const written = `{${names.map((name) => `${JSON.stringify(name)}:{"polluted":"${name}"}`).join(',')}}`;
      const read = roundTrip(JSON.parse(written) as object, layout(schemas));
      for (const name of names) {
        expect(Object.getOwnPropertyDescriptor(read, name)?.value).toStrictEqual({ polluted: name });
      }
      expect(Object.keys(read).sort()).toStrictEqual([...names].sort());
      expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    },
  );

  it('takes a key named like a prototype for a column only where the session has it', () => {
    expect(encode({}).values[FIELDS.findIndex(({ name }) => name === 'constructor')]).toBeNull();
    expect(roundTrip({})).toStrictEqual({});
    expect(Object.hasOwn(roundTrip({ constructor: true }), 'constructor')).toBe(true);
  });

  it('tells null from absent, and undefined counts as absent', () => {
    expect(roundTrip({ user_id: null, visits: undefined, other: null, none: undefined })).toStrictEqual({
      user_id: null,
      other: null,
    });
    expect(encode({ user_id: null }).values[0]).toBeNull();
    expect(encode({}).values[0]).toBeNull();
  });

  it('keeps a column out of the JSON, and what is only searched by in it', () => {
    const encoded = encode({ user_id: 'ada', score: 0.1, passport: { user: 'ada' }, n: 1 });
    expect(JSON.parse(encoded.text)).toStrictEqual({ score: 0.1, passport: { user: 'ada' }, n: 1 });
    expect(encoded.values).toStrictEqual(['ada', null, null, null, null, Math.fround(0.1), null, 'ada']);
  });

  it('reads the JSON where the column is NULL: the column is younger than the session', () => {
    const before = encode({ user_id: 'ada', visits: 3, n: 1 }, layout([]));
    const read = decode({ ...before, values: FIELDS.map(() => null) });
    expect(read).toStrictEqual({ user_id: 'ada', visits: 3, n: 1 });
    expect(JSON.parse(encode(read).text)).toStrictEqual({ n: 1 });
  });

  it('reads a row without text as a session with its columns alone', () => {
    const [first, ...others] = layout().owned.map(() => null as unknown);
    expect(first).toBeNull();
    expect(
      decodeSession({ key: 'sid', expireAt: EXPIRE_AT, text: null, values: ['ada', ...others] }, layout()),
    ).toStrictEqual({
      user_id: 'ada',
    });
  });

  it("gives the cookie the row's expiry where it has a lifetime", () => {
    const cookie = { originalMaxAge: 5000, expires: new Date(0), httpOnly: true };
    expect(roundTrip({ cookie })).toStrictEqual({
      cookie: { originalMaxAge: 5000, expires: new Date(EXPIRE_AT).toISOString(), httpOnly: true },
    });
    expect(roundTrip({ cookie: { originalMaxAge: null, expires: null } })).toStrictEqual({
      cookie: { originalMaxAge: null, expires: null },
    });
  });
});

describe('what is stored', () => {
  it('is the session of the moment of the call', () => {
    const session = {
      user_id: 'ada',
      seen_at: new Date(1000),
      avatar: Buffer.from('one'),
      settings: { theme: { dark: true } },
      cart: { items: [1] },
    };
    const encoded = encode(session);
    session.user_id = 'bob';
    session.seen_at.setTime(2000);
    session.avatar.write('two');
    session.settings.theme.dark = false;
    session.cart.items.push(2);
    expect(decode(encoded)).toStrictEqual({
      user_id: 'ada',
      seen_at: new Date(1000),
      avatar: Buffer.from('one'),
      settings: { theme: { dark: true } },
      cart: { items: [1] },
    });
  });

  it('goes through toJSON: of the session, of its values, and in columns of JSON', () => {
    const shown = { toJSON: () => ({ shown: true }) };
    expect(roundTrip({ user_id: 'ada', value: shown, settings: { value: shown }, at: new Date(0) })).toStrictEqual({
      user_id: 'ada',
      value: { shown: true },
      settings: { value: { shown: true } },
      at: '1970-01-01T00:00:00.000Z',
    });
    class Session {
      #user = 'ada';
      secret = 'kept out';
      toJSON() {
        return { user_id: this.#user, n: 1 };
      }
    }
    expect(roundTrip(new Session())).toStrictEqual({ user_id: 'ada', n: 1 });
    expect(roundTrip(new Session(), layout([]))).toStrictEqual({ user_id: 'ada', n: 1 });
  });

  it('drops what JSON drops', () => {
    const session = {
      user_id: 'ada',
      call: () => 1,
      none: undefined,
      mark: Symbol('mark'),
      list: [undefined],
      no: Number.NaN,
    };
    expect(roundTrip(session)).toStrictEqual({ user_id: 'ada', list: [null], no: null });
  });
});
