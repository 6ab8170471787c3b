import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ANY_INCARNATION, freshToken, incarnationOf, nextRandom, RANDOM_SPAN } from '../src/token.js';

/** What Math.random gives. */
const random = fc.oneof(
  fc.constantFrom(0, 1 - 2 ** -53),
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
);
const token = fc.tuple(random, random).map((numbers) => {
  let at = 0;
  return freshToken(() => numbers[at++] ?? 0);
});

describe('the revision token', () => {
  it('is a safe integer within the range of all', () => {
    fc.assert(
      fc.property(token, (one) => {
        const [least, most] = ANY_INCARNATION;
        expect(Number.isSafeInteger(one)).toBe(true);
        expect(one).toBeGreaterThanOrEqual(least);
        expect(one).toBeLessThanOrEqual(most);
      }),
    );
  });

  it('has 52 bits', () => {
    expect(freshToken(() => 0)).toBe(0);
    expect(freshToken(() => 1 - 2 ** -53)).toBe(2 ** 52 - 1);
  });

  it('stands within its incarnation, which has no token of another', () => {
    fc.assert(
      fc.property(token, token, (one, other) => {
        const [lowest, highest] = incarnationOf(one);
        expect(one).toBeGreaterThanOrEqual(lowest);
        expect(one).toBeLessThanOrEqual(highest);
        const same = incarnationOf(other)[0] === lowest;
        expect(other >= lowest && other <= highest).toBe(same);
      }),
    );
  });

  it('gets another random part at every write, within its incarnation', () => {
    fc.assert(
      fc.property(token, random, (one, chance) => {
        const next = nextRandom(one, () => chance);
        expect(next).not.toBe(one % RANDOM_SPAN);
        const written = one - (one % RANDOM_SPAN) + next;
        expect(incarnationOf(written)).toStrictEqual(incarnationOf(one));
      }),
    );
  });

  it('gets another random part even where chance gives the same', () => {
    for (const part of [0, 5, RANDOM_SPAN - 1]) {
      const next = nextRandom(3 * RANDOM_SPAN + part, () => part / RANDOM_SPAN);
      expect(next).not.toBe(part);
      expect(next).toBeGreaterThanOrEqual(0);
      expect(next).toBeLessThan(RANDOM_SPAN);
    }
  });

  it('is any random part where nothing is known of the row', () => {
    fc.assert(
      fc.property(random, (chance) => {
        const next = nextRandom(undefined, () => chance);
        expect(Number.isInteger(next) && next >= 0 && next < RANDOM_SPAN).toBe(true);
      }),
    );
  });

  it('differs from one session to the next', () => {
    const incarnations = new Set(Array.from({ length: 1000 }, () => incarnationOf(freshToken())[0]));
    expect(incarnations.size).toBeGreaterThan(990);
  });
});
