import { KssError } from './errors.js';
import type { ColumnType } from './types.js';

/** One column type: what it takes from a session, and what it makes of what the database gives back. */
interface ColumnRule {
  /** Why the value does not fit, or undefined where it does; `args` are those of the knex column type. */
  refuse(value: unknown, args: readonly unknown[]): string | undefined;
  /** The snapshot to store, of a value that fits. */
  take?(value: unknown): unknown;
  /** The session's value, from what the dialect's select gives. */
  give?(raw: unknown, args: readonly unknown[]): unknown;
}

const MAX_INT64 = 9_223_372_036_854_775_807n;
const ILL_FORMED = /\p{Surrogate}/u;
const ISO_INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;
const UNSTORABLE_JSON = /\\u0000|\\ud[89a-f]/i; // as JSON.stringify writes NUL and lone surrogates
const YEAR_1 = Date.parse('0001-01-01T00:00:00.000Z');
const YEAR_9999 = Date.parse('9999-12-31T23:59:59.999Z');

const text: ColumnRule = {
  refuse(value) {
    if (typeof value !== 'string') return 'is not a string';
    if (value.includes('\0')) return 'has a NUL character, which SQL text cannot hold';
    return ILL_FORMED.test(value) ? 'has a lone surrogate, which SQL text cannot hold' : undefined;
  },
};

const string: ColumnRule = {
  refuse(value, [width = 255]) {
    const why = text.refuse(value, []);
    if (why !== undefined || typeof width !== 'number' || (value as string).length <= width) return why;
    const length = Array.from(value as string).length; // databases count characters, not UTF-16 units
    return length > width ? `has ${length} characters, and the column holds ${width}` : undefined;
  },
};

const json: ColumnRule = {
  refuse(value) {
    const encoded = stringified(value);
    if (encoded === undefined) return 'is nothing that JSON can hold';
    // A backslash that is itself escaped does not begin such a sequence.
    return UNSTORABLE_JSON.test(encoded.replaceAll('\\\\', ''))
      ? 'has a NUL character or a lone surrogate, which JSON columns cannot hold'
      : undefined;
  },
  take: (value) => JSON.stringify(value),
  give: (raw) => (typeof raw === 'string' ? JSON.parse(raw) : raw),
};

const instant: ColumnRule = {
  refuse(value) {
    if (!(value instanceof Date) && !(typeof value === 'string' && ISO_INSTANT.test(value))) {
      return 'is neither a Date nor an ISO string with its zone';
    }
    const ms = new Date(value).getTime();
    if (Number.isNaN(ms)) return 'is no valid date';
    return ms < YEAR_1 || ms > YEAR_9999 ? 'is outside of the years 1 to 9999' : undefined;
  },
  take: (value) => new Date(value as string | Date),
  give(raw) {
    const date = new Date(raw instanceof Date ? raw.getTime() : instantFromColumn(raw));
    if (Number.isNaN(date.getTime())) throw new Error('It is no instant.');
    return date;
  },
};

/** What each knex column type holds; the README's table says the same. */
const RULES: Readonly<Record<ColumnType, ColumnRule>> = {
  string,
  text,
  enum: {
    refuse(value, [values]) {
      const allowed: readonly unknown[] = Array.isArray(values) ? values : [];
      return allowed.includes(value) ? undefined : `is none of ${allowed.map((v) => JSON.stringify(v)).join(', ')}`;
    },
  },
  uuid: {
    refuse: (value) =>
      typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)
        ? undefined
        : 'is no UUID in lower case',
    give: (raw) => String(raw).toLowerCase(),
  },
  time: {
    refuse: (value) =>
      typeof value === 'string' && /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/.test(value) ? undefined : "is no 'HH:MM:SS'",
    give: (raw) => String(raw).slice(0, 8),
  },
  integer: whole(-(2 ** 31), 2 ** 31 - 1),
  tinyint: whole(-128, 127),
  smallint: whole(-(2 ** 15), 2 ** 15 - 1),
  mediumint: whole(-(2 ** 23), 2 ** 23 - 1),
  double: finite(),
  float: {
    refuse: (value) =>
      typeof value === 'number' && Number.isFinite(Math.fround(value))
        ? undefined
        : 'is no number that fits into 32 bits',
    // As the column rounds it, so that it can be searched by its own value.
    take: (value) => unsigned(Math.fround(value as number)),
    give: numeric,
  },
  bigInteger: {
    refuse(value) {
      if (Number.isSafeInteger(value)) return undefined;
      if (typeof value === 'bigint') return 'is a BigInt, which JSON cannot hold; pass a number or a decimal string';
      if (typeof value !== 'string' || !/^(0|-?[1-9]\d*)$/.test(value))
        return 'is neither a safe integer nor a decimal string';
      if (Number.isSafeInteger(Number(value))) return `would come back as a number; pass ${value} as a number`;
      const big = BigInt(value);
      return big > MAX_INT64 || big < -MAX_INT64 - 1n ? 'does not fit into 64 bits' : undefined;
    },
    take: (value) => (value === 0 ? 0 : value),
    give: (raw) => (Number.isSafeInteger(numeric(raw)) ? Number(raw) : String(raw)),
  },
  decimal: {
    refuse(value, [precision = 8, scale = 2]) {
      const digits = typeof value === 'string' && /^(-?)(0|[1-9]\d*)(?:\.(\d+))?$/.exec(value);
      if (!digits) return "is no decimal string such as '12.50'";
      const [, sign = '', whole = '', decimals = ''] = digits;
      if (decimals.length !== scale) return `has ${decimals.length} decimals, and the column has ${scale}`;
      if (sign !== '' && !/[1-9]/.test(whole + decimals)) return 'is a negative zero';
      const room = Number(precision) - Number(scale);
      return whole !== '0' && whole.length > room
        ? `is too large: the column holds ${room} digits before the point`
        : undefined;
    },
    give: (raw, [, scale = 2]) => decimalText(raw, Number(scale)),
  },
  boolean: {
    refuse: (value) => (typeof value === 'boolean' ? undefined : 'is neither true nor false'),
    give: (raw) => raw === true || Number(raw) === 1,
  },
  date: {
    refuse(value) {
      if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value)) return "is no 'YYYY-MM-DD'";
      const ms = Date.parse(`${value}T00:00:00.000Z`);
      const real = !Number.isNaN(ms) && ms >= YEAR_1 && new Date(ms).toISOString().startsWith(value);
      return real ? undefined : 'is no day of the calendar';
    },
    give: (raw) => String(raw).slice(0, 10),
  },
  datetime: instant,
  timestamp: instant,
  json,
  jsonb: json,
  binary: {
    refuse: (value) => (Buffer.isBuffer(value) ? undefined : 'is no Buffer'),
    take: (value) => Buffer.from(value as Buffer),
    give: (raw) => Buffer.from(raw as Uint8Array), // a copy: reads that are made together share the row
  },
};

/** Whether knex's column type is one that a schema column can have. */
export function isColumnType(type: unknown): type is ColumnType {
  return typeof type === 'string' && Object.hasOwn(RULES, type);
}

/** The names of all column types, for messages. */
export const columnTypes = Object.keys(RULES) as readonly ColumnType[];

/**
 * Copies a session's value for its column.
 *
 * @throws KssError COLUMN_VALUE where the column could not give it back equal
 */
export function takeValue(name: string, type: ColumnType, args: readonly unknown[], value: unknown): unknown {
  const rule = RULES[type];
  let why: string | undefined;
  try {
    why = rule.refuse(value, args);
    if (why === undefined) return rule.take ? rule.take(value) : value;
  } catch (cause) {
    throw columnValue(name, type, 'cannot be read', cause); // a proxy, or what is no Date though its prototype says so
  }
  throw columnValue(name, type, why);
}

/** The session's value, from what the column gave. */
export function giveValue(type: ColumnType, args: readonly unknown[], raw: unknown): unknown {
  const { give } = RULES[type];
  return give ? give(raw, args) : raw;
}

/** The error for a value that a column cannot hold, whoever found out. */
export function columnValue(name: string, type: string, why: string, cause?: unknown): KssError {
  return new KssError(
    'COLUMN_VALUE',
    `The value for the column '${name}' (${type}) ${why}. Nothing was changed. ` +
      "Give the column a wider type, or declare it with 'from', so that the value itself stays in the JSON.",
    cause === undefined ? undefined : { cause },
  );
}

function whole(least: number, most: number): ColumnRule {
  return {
    refuse: (value) =>
      Number.isInteger(value) && (value as number) >= least && (value as number) <= most
        ? undefined
        : `is no whole number from ${least} to ${most}`,
    take: unsigned,
    give: numeric,
  };
}

function finite(): ColumnRule {
  return {
    refuse: (value) => (Number.isFinite(value) ? undefined : 'is no finite number'),
    take: unsigned,
    give: numeric,
  };
}

function stringified(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined; // a circle, a BigInt, a toJSON that throws
  }
}

/** A decimal with the column's decimals; some databases leave zeros out, as in `.5`. */
function decimalText(raw: unknown, scale: number): string {
  if (typeof raw === 'number') return raw.toFixed(scale);
  const [, sign = '', whole = '', decimals = ''] = /^(-?)(\d*)(?:\.(\d*))?$/.exec(String(raw)) ?? [];
  if (whole + decimals === '') return String(raw);
  return `${sign}${whole || '0'}${scale === 0 ? '' : `.${decimals.padEnd(scale, '0')}`}`;
}

/** A number; a column without a strict type may hold what is none, and NaN could not be saved again. */
function numeric(raw: unknown): number {
  const number = Number(raw);
  if (Number.isNaN(number)) throw new Error('It is no number.');
  return number;
}

/** JSON has no negative zero either. */
function unsigned(value: unknown): unknown {
  return value === 0 ? 0 : value;
}

/** Milliseconds from a number, its text, or a wall clock in UTC. */
function instantFromColumn(raw: unknown): number {
  if (typeof raw === 'number') return raw;
  const written = String(raw);
  if (/^-?\d+(\.\d+)?$/.test(written)) return Math.round(Number(written));
  return Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(written) ? written : `${written.replace(' ', 'T')}Z`);
}
