import { expect, it } from 'vitest';
import { momentOf } from '../src/moment.js';

const NOW = new Date('2026-11-21T05:51:00.000Z');
const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

it.each([
  [-5 * SECOND, 'just now'], // another server's clock is ahead
  [0, 'just now'],
  [59 * SECOND, 'just now'],
  [60 * SECOND, '1 minute ago'],
  [HOUR - 1, '59 minutes ago'],
  [HOUR, '1 hour ago'],
  [DAY - 1, '23 hours ago'],
  [DAY, '1 day ago'],
  [7 * DAY, '1 week ago'],
  [29 * DAY, '4 weeks ago'],
  [30 * DAY, '1 month ago'],
  [364 * DAY, '12 months ago'],
  [365 * DAY, '1 year ago'],
])('%d ms before now is %s', (ms, text) => {
  expect(momentOf(new Date(NOW.getTime() - ms), NOW).text).toBe(text);
});

it('says exactly when, in UTC', () => {
  expect(momentOf(NOW, NOW)).toEqual({
    text: 'just now',
    title: '21 November 2026 at 05:51 UTC',
    iso: '2026-11-21T05:51:00.000Z',
  });
});
