import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expiryOf, instantOf, LAST_INSTANT, withRowExpiry } from '../src/expiry.js';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const DAY = 86_400_000;

const expiry = (maxAge?: unknown, cookie?: unknown, lifetime = DAY) => expiryOf(maxAge, cookie, lifetime, NOW);

/** What says nothing, as a `maxAge` of the call and of the cookie. */
const SILENT: readonly unknown[] = [
  undefined,
  null,
  0,
  -0,
  Number.NaN,
  'session',
  '1d',
  '5000',
  '',
  true,
  false,
  5000n,
  {},
  [],
  [5000],
  new Date(NOW + 5000),
  () => 5000,
  Symbol('maxAge'),
];

/** Each in an object of its own: a list of cases takes an array for a list of arguments. */
function cases(values: readonly unknown[]): { value: unknown }[] {
  return values.map((value) => ({ value }));
}

describe('the lifetime rule', () => {
  it('takes the maxAge of the call before everything else', () => {
    expect(expiry(5000, { maxAge: 7000, expires: new Date(NOW + 9000) })).toBe(NOW + 5000);
  });

  it.each(cases(SILENT))('takes the maxAge $value of the call as if it were not given', ({ value: maxAge }) => {
    expect(expiry(maxAge, { maxAge: 7000, expires: new Date(NOW + 9000) })).toBe(NOW + 7000);
    expect(expiry(maxAge, { expires: new Date(NOW + 9000) })).toBe(NOW + 9000);
    expect(expiry(maxAge)).toBe(NOW + DAY);
  });

  it.each(cases(SILENT))("takes the cookie's maxAge $value as if it were not there", ({ value: maxAge }) => {
    expect(expiry(undefined, { maxAge, expires: new Date(NOW + 9000) })).toBe(NOW + 9000);
    expect(expiry(undefined, { maxAge })).toBe(NOW + DAY);
  });

  it.each([
    ['a Date', new Date(NOW + 9000)],
    ['an ISO string', new Date(NOW + 9000).toISOString()],
    ['an ISO string with a zone', '2026-01-02T12:04:14.678+09:00'],
    ['epoch milliseconds', NOW + 9000],
  ])("takes the cookie's expires as %s", (_, expires) => {
    expect(expiry(undefined, { expires })).toBe(NOW + 9000);
    expect(expiry(undefined, { originalMaxAge: 1, maxAge: 'session', expires })).toBe(NOW + 9000);
  });

  it.each(
    cases([
      undefined,
      null,
      false,
      true,
      '',
      'soon',
      new Date('soon'),
      Number.NaN,
      {},
      [],
      5n,
      () => NOW,
      Symbol('expires'),
    ]),
  )("takes the cookie's expires $value as if it were not there", ({ value: expires }) => {
    expect(expiry(undefined, { expires })).toBe(NOW + DAY);
  });

  it.each(cases([undefined, null, 'cookie', 5, true, [], () => {}]))(
    'finds nothing in the cookie $value',
    ({ value: cookie }) => {
      expect(expiry(undefined, cookie)).toBe(NOW + DAY);
    },
  );

  it('reads a cookie that computes maxAge and expires, as the frameworks have them', () => {
    class Cookie {
      _expires = new Date(NOW + 9000);
      get expires() {
        return this._expires;
      }
      get maxAge() {
        return this._expires.getTime() - NOW;
      }
    }
    expect(expiry(undefined, new Cookie())).toBe(NOW + 9000);
  });

  it.each([-1, -0.1, -Number.MIN_VALUE, -5000, -1e300, Number.NEGATIVE_INFINITY])('has %d already over', (maxAge) => {
    expect(expiry(maxAge, { maxAge: 7000 })).toBeLessThanOrEqual(NOW);
    expect(expiry(undefined, { maxAge, expires: new Date(NOW + 9000) })).toBeLessThanOrEqual(NOW);
  });

  it.each([0.1, Number.MIN_VALUE, 0.999])('has the lifetime %d not over at once', (maxAge) => {
    expect(expiry(maxAge)).toBe(NOW + 1);
  });

  it.each([Number.POSITIVE_INFINITY, Number.MAX_VALUE, Number.MAX_SAFE_INTEGER])(
    'stops %d at the last instant',
    (ms) => {
      expect(expiry(ms)).toBe(LAST_INSTANT);
      expect(expiry(undefined, { maxAge: ms })).toBe(LAST_INSTANT);
      expect(expiry(undefined, undefined, ms)).toBe(LAST_INSTANT);
      expect(new Date(LAST_INSTANT).getTime()).toBe(LAST_INSTANT);
      expect(new Date(LAST_INSTANT + 1).getTime()).toBeNaN();
    },
  );

  it('is a whole instant that a Date can hold, whatever is given', () => {
    const anything = fc.oneof(fc.anything(), fc.double(), fc.date({ noInvalidDate: false }), fc.constant('session'));
    const cookie = fc.oneof(anything, fc.record({ maxAge: anything, expires: anything }, { requiredKeys: [] }));
    const lifetime = fc.double({ min: 1, noNaN: true });
    fc.assert(
      fc.property(anything, cookie, lifetime, (maxAge, from, ms) => {
        const at = expiryOf(maxAge, from, ms, NOW);
        expect(Number.isSafeInteger(at)).toBe(true);
        expect(new Date(at).getTime()).toBe(at);
      }),
    );
  });
});

describe('an instant', () => {
  it('is cut to whole milliseconds and kept within a Date', () => {
    expect(instantOf(NOW + 0.9)).toBe(NOW);
    expect(instantOf(Number.POSITIVE_INFINITY)).toBe(LAST_INSTANT);
    expect(instantOf(new Date(-5))).toBeLessThanOrEqual(0);
  });
});

describe("a stored cookie's expiry", () => {
  const at = NOW + 60_000;
  const written = new Date(NOW).toISOString();

  it("is the row's where the cookie has a lifetime", () => {
    const session = withRowExpiry({ cookie: { originalMaxAge: 5000, expires: written, path: '/' }, n: 1 }, at);
    expect(session).toStrictEqual({
      cookie: { originalMaxAge: 5000, expires: new Date(at).toISOString(), path: '/' },
      n: 1,
    });
  });

  it.each([
    { cookie: { originalMaxAge: null, expires: null } },
    { cookie: { originalMaxAge: null, path: '/' } },
    { cookie: { expires: written } },
    { cookie: { originalMaxAge: 5000 } },
    { cookie: { originalMaxAge: 5000, expires: false } },
    { cookie: null },
    { cookie: 'cookie' },
    { cookie: 5 },
    {},
  ])('stays as it is in %j', (session) => {
    const before = structuredClone(session);
    expect(withRowExpiry(session as { cookie?: unknown }, at)).toStrictEqual(before);
  });
});
