import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextMost, type Pace } from '../src/expired.js';

const PACE: Pace = { first: 250, least: 200, most: 1000, aim: 4, rest: 0 };

const most = fc.integer({ min: 200, max: 1000 });
const took = fc.double({ min: 0.001, max: 60_000, noNaN: true });

describe('how many rows the next statement of a collection is for', () => {
  it('is 200 to 1000, and at most twice and at least half of the last', () => {
    fc.assert(
      fc.property(most, took, (last, time) => {
        const next = nextMost(last, time, PACE);
        expect(next).toBeGreaterThanOrEqual(Math.max(200, Math.floor(last / 2)));
        expect(next).toBeLessThanOrEqual(Math.min(1000, last * 2));
        expect(Number.isInteger(next)).toBe(true);
      }),
    );
  });

  it('is less after a slow one, more after a fast one, the same after one that took as long as it should', () => {
    expect([8, 2, 4].map((time) => nextMost(400, time, PACE))).toStrictEqual([200, 800, 400]);
  });
});
