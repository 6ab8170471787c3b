/** A point in time, as a page shows it. */
export interface Moment {
  /** For people: `3 hours ago`. */
  readonly text: string;
  /** For people who want to know exactly: `21 November 2026 at 05:51 UTC`. */
  readonly title: string;
  /** For machines, in ISO 8601. */
  readonly iso: string;
}

const SECOND = 1000;
const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 365 * 24 * 3600 * SECOND],
  ['month', 30 * 24 * 3600 * SECOND],
  ['week', 7 * 24 * 3600 * SECOND],
  ['day', 24 * 3600 * SECOND],
  ['hour', 3600 * SECOND],
  ['minute', 60 * SECOND],
];

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always' });
// The server does not know the reader's time zone.
const absolute = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });

export function momentOf(date: Date, now: Date): Moment {
  return { text: ago(now.getTime() - date.getTime()), title: `${absolute.format(date)} UTC`, iso: date.toISOString() };
}

function ago(ms: number): string {
  const unit = UNITS.find(([, length]) => ms >= length);
  return unit === undefined ? 'just now' : relative.format(-Math.floor(ms / unit[1]), unit[0]);
}
