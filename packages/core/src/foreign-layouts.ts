import type { LayoutName } from './types.js';

/** How the expiry is kept. On the outside it is epoch milliseconds, whatever stands in the column. */
export interface ExpiryForm {
  /** A number since the epoch; the database's type for an instant; or that type without a zone, with the wall clock of UTC in it. */
  readonly as: 'number' | 'instant' | 'utc';
  /** What to do where the column has no zone, though it must have one; undefined where it may lack it. */
  readonly zoned?: string;
  /** Milliseconds in the unit that is kept; undefined for what the database's plain type for an instant keeps. */
  readonly unit: 1 | 1000 | undefined;
  /** How instants, those of now included, become whole units. */
  readonly rounding: 'floor' | 'round' | 'ceil';
  /** Whether instants that stand as text are all written in the one way that ours has, and so compared to the millisecond. */
  readonly oneSpelling?: boolean;
  /** Whether a session still lives at its very expiry. */
  readonly inclusive: boolean;
  /** The last instant that the column holds, in epoch milliseconds. */
  readonly latest: number;
}

/** The type of the column of the JSON text. */
export type TextForm = 'text' | 'json';

/** Where another store has things in its table. Its table has no revisions: what is compared is the content. */
export interface ForeignLayout {
  readonly sidName: string;
  /** Characters of a sid that are kept as they are. */
  readonly sidWidth: number;
  readonly expireAtName: string;
  readonly expiry: ExpiryForm;
  readonly additionalName: string;
  readonly text: TextForm;
  /** Whether the JSON holds the whole session, and schema columns are an index beside it. */
  readonly whole: boolean;
  /** What only some databases have, and the other store needed: whole numbers without a sign, or wall clocks of the connection's zone. */
  readonly needs?: 'unsigned' | 'wallClock';
  /** Whether instants that stand as text have a space before the time, which sorts before the `T` of ours. */
  readonly spacedText?: boolean;
}

/** The last instant of a four-digit year, in whole seconds. */
const LAST_OF_CALENDAR = Date.UTC(9999, 11, 31, 23, 59, 59);
const LAST_OF_UINT32 = (2 ** 32 - 1) * 1000;

/** Epoch milliseconds in a bigint: that of our own tables. */
export const MILLISECONDS: ExpiryForm = {
  as: 'number',
  unit: 1,
  rounding: 'floor',
  inclusive: false,
  latest: Number.POSITIVE_INFINITY,
};

const INSTANT: ExpiryForm = {
  as: 'instant',
  unit: undefined,
  rounding: 'floor',
  inclusive: true,
  latest: LAST_OF_CALENDAR,
};

const CONNECT: ForeignLayout = {
  sidName: 'sid',
  sidWidth: 255,
  expireAtName: 'expired',
  expiry: INSTANT,
  additionalName: 'sess',
  text: 'json',
  whole: true,
};

/** The layouts of other stores, by the names of their packages. */
export const FOREIGN_LAYOUTS: Readonly<Record<LayoutName, ForeignLayout>> = {
  'knex-schema-session-store': {
    sidName: 'sid',
    sidWidth: 255,
    expireAtName: 'expire_at',
    expiry: MILLISECONDS,
    additionalName: 'additional',
    text: 'text',
    whole: false,
  },
  'connect-session-knex': CONNECT,
  'koa-generic-session-knex': {
    sidName: 'id',
    sidWidth: 100,
    expireAtName: 'expires',
    expiry: { as: 'number', unit: 1000, rounding: 'floor', inclusive: false, latest: Number.POSITIVE_INFINITY },
    additionalName: 'data',
    text: 'text',
    whole: true,
  },
  'connect-session-kysely': {
    ...CONNECT,
    expiry: { ...INSTANT, oneSpelling: true, zoned: "say expired: 'timestamp' to connectSessionKysely, or alter it" },
  },
  // It compares as UTC what its own `createTable` made a timestamp without a zone.
  'connect-session-kysely-utc': { ...CONNECT, expiry: { ...INSTANT, oneSpelling: true, as: 'utc' } },
  'sequelize-session-store': {
    ...CONNECT,
    expireAtName: 'expire',
    expiry: { ...INSTANT, unit: 1 },
    text: 'text',
    spacedText: true,
  },
  // Its `to_timestamp` becomes the wall clock of the connection's zone, and so does ours.
  'connect-pg-simple': {
    ...CONNECT,
    expireAtName: 'expire',
    expiry: { ...INSTANT, unit: 1000, rounding: 'ceil' },
    needs: 'wallClock',
  },
  'express-mysql-session': {
    sidName: 'session_id',
    sidWidth: 128,
    expireAtName: 'expires',
    expiry: { as: 'number', unit: 1000, rounding: 'round', inclusive: true, latest: LAST_OF_UINT32 },
    additionalName: 'data',
    text: 'text',
    whole: true,
    needs: 'unsigned',
  },
};
