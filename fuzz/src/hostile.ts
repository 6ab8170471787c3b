import fc from 'fast-check';

/** Text that ends a literal, a name or a statement where somebody put it into one. */
export const FRAGMENTS: readonly string[] = [
  "'",
  '"',
  '`',
  ']',
  '\\',
  "\\' or 1=1 -- ",
  "' or '1'='1",
  "') or ('1'='1",
  '; drop table sessions; --',
  "x'; delete from sessions; --",
  '") --',
  '/* x */',
  '-- ',
  '#',
  '?',
  '??',
  ':sid',
  '\\?',
  '$1',
  '$' + '{1}',
  '%',
  '_',
  '%s',
  'null',
  'undefined',
  'true',
  '[object Object]',
  '__proto__',
  'constructor',
  'toString',
  'sha256.',
  `sha256.${'A'.repeat(43)}`,
  'kss1.AAAAAAAA.AAAA',
  '\0',
  'a\0b',
  '\r\nSet-Cookie: a=b',
  '../../etc/passwd',
  '{}',
  '{"a":1}',
  '\ud800',
  'a\udfff',
  '\u202e',
  '\ufeff',
  '😀',
  'ſ',
  'İ',
  'e\u0301',
];

/** Texts, most of them odd. */
export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...FRAGMENTS) },
  {
    weight: 3,
    arbitrary: fc.array(fc.constantFrom(...FRAGMENTS), { minLength: 2, maxLength: 4 }).map((a) => a.join('')),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme' }) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary' }) }, // any code point
  { weight: 1, arbitrary: fc.array(fc.nat({ max: 0xffff })).map((units) => String.fromCharCode(...units)) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme-ascii' }) },
  { weight: 1, arbitrary: fc.integer({ min: 250, max: 260 }).map((n) => 'x'.repeat(n)) },
);

const fail = () => {
  throw new Error('of the value itself');
};

/** What a trap of a proxy, a getter or a conversion does to whoever looks. */
const TRAPS = ['get', 'has', 'ownKeys', 'getOwnPropertyDescriptor', 'getPrototypeOf', 'set', 'defineProperty'] as const;

function proxyThatFails(trap: (typeof TRAPS)[number]): unknown {
  return new Proxy({ a: 1, user_id: 'u' }, { [trap]: fail });
}

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function circle(): unknown {
  const one: Record<string, unknown> = { a: [] };
  one.self = one;
  (one.a as unknown[]).push(one);
  return one;
}

function deep(levels: number, list: boolean): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = list ? [value] : { a: value };
  return value;
}

/** A value that is made where it is used: the generator, too, looks at what it makes. */
export interface Hostile {
  readonly make: () => unknown;
}

/** Values that do something when they are looked at, or that nothing can hold. */
const WICKED: readonly (() => unknown)[] = [
  ...TRAPS.map((trap) => () => proxyThatFails(trap)),
  () => revoked({}),
  () => revoked([]),
  () => revoked(() => {}),
  circle,
  () => deep(200, true),
  () => deep(20_000, false),
  () => deep(20_000, true),
  () => Object.create(null) as unknown,
  () => Object.create(Date.prototype) as unknown,
  () => Object.create(Array.prototype) as unknown,
  () => Object.create(String.prototype) as unknown,
  () => Object.defineProperty({}, 'a', { enumerable: true, get: fail }),
  () => Object.defineProperty({}, 'cookie', { enumerable: true, get: fail }),
  () => Object.defineProperty({}, 'toJSON', { get: fail }),
  () => ({ toString: fail, valueOf: fail }),
  () => ({ toString: () => 'mine' }),
  () => ({ [Symbol.toPrimitive]: fail }),
  () => ({ toJSON: fail }),
  () => ({ toJSON: () => undefined }),
  () => ({ toJSON: () => 'text' }),
  () => ({ toJSON: () => ({ toJSON: () => undefined }) }),
  () => ({ toJSON: () => ({ toJSON: () => 'text' }) }),
  () => ({ toJSON: () => ({ toJSON: () => [1] }) }),
  () => ({ toJSON: () => revoked([]) }),
  () => ({ a: { toJSON: fail } }),
  () => ({ a: 1n }),
  () => Object.defineProperty({}, 'then', { value: fail }),
  () => Object.defineProperty({}, 'then', { value: () => {}, enumerable: true }),
  () => ({ [Symbol.for('nodejs.util.inspect.custom')]: fail, toString: fail }),
  () => ({
    get cookie() {
      return fail();
    },
    toJSON: () => ({ a: 1 }),
  }),
  () => ({ cookie: Object.create(Date.prototype) as unknown }),
  () => ({ cookie: proxyThatFails('get') }),
  () => ({ cookie: proxyThatFails('get'), toJSON: () => ({ a: 1 }) }),
  () => ({ cookie: { expires: Object.create(Date.prototype) as unknown }, toJSON: () => ({ a: 1 }) }),
  () => ({ cookie: { expires: new Date(Number.NaN), maxAge: Number.NaN, originalMaxAge: 5 } }),
  () => ({ cookie: { expires: 'no date', originalMaxAge: 5 } }),
  () => JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}') as unknown,
  () => JSON.parse('{"sid":"x","expire_at":0,"revision":7,"additional":"{}","created_at":1}') as unknown,
  () => JSON.parse('{"user_id":{"toString":1},"n":"1"}') as unknown,
  () => ({ ['k'.repeat(100_000)]: 1 }),
  () => ({ '': 1, ' ': 2, '\0': 3, '\ud800': 4, "'": 5 }),
  () => 'y'.repeat(100_000),
  () => Object('mine') as unknown,
  () => Object(5) as unknown,
  () => new Date(Number.NaN),
  () => new Date(8.64e15),
  () => new Map([['a', 1]]),
  () => new Set(['a']),
  () => Symbol('mine'),
  () => Symbol.iterator,
  () => 1n,
  () => fail,
  () => async () => {},
  () =>
    Object.getPrototypeOf(function* () {
      yield 1;
    }) as unknown,
  () => class {},
  () => Promise.resolve({}),
  () => new Error('mine'),
  () => /x/g,
  () => Buffer.from('mine'),
  () => new Float64Array(3),
  () => new ArrayBuffer(8),
  () => globalThis.process.env,
  () => new Array(3),
  () => [undefined],
  () => [null],
  () => [[]],
  () => [],
  () => ({}),
  () => null,
  () => undefined,
  () => Number.NaN,
  () => Number.NEGATIVE_INFINITY,
  () => -0,
  () => Number.MAX_VALUE,
  () => 2 ** 53,
];

export const wicked: fc.Arbitrary<Hostile> = fc.constantFrom(...WICKED).map((make) => ({ make }));

/** Any value at all. */
export const anything: fc.Arbitrary<Hostile> = fc.oneof(
  { weight: 3, arbitrary: wicked },
  { weight: 2, arbitrary: made(text) },
  {
    weight: 2,
    arbitrary: made(
      fc.anything({
        key: text,
        maxDepth: 3,
        maxKeys: 6,
        withBigInt: true,
        withBoxedValues: true,
        withDate: true,
        withMap: true,
        withNullPrototype: true,
        withObjectString: true,
        withSet: true,
        withSparseArray: true,
        withTypedArray: true,
      }),
    ),
  },
  { weight: 1, arbitrary: made(fc.oneof(fc.double(), fc.integer(), fc.boolean())) },
);

/** An arbitrary's values, as others are had. */
export function made(arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<Hostile> {
  return arbitrary.map((value) => ({ make: () => value }));
}
