import type { Knex } from 'knex';
import { decodeSession, readValue } from './codec.js';
import { KssError } from './errors.js';
import { ALIAS, type Field, fieldAlias, type Layout, readInstant, readKey, readText } from './layout.js';
import { refuseUnknown, unknownName } from './options.js';
import type { Place } from './place.js';
import { handleOf, handleOfKey } from './sid.js';
import type { FieldShape, FindOptions, SessionData, SessionInfo } from './types.js';

/** A list's options, checked; `column` is a column of the table. */
export interface Listing {
  readonly current: string | undefined;
  readonly limit: number;
  readonly column: string;
  readonly direction: 'asc' | 'desc';
  readonly data: boolean;
}

const OPTION_NAMES = ['current', 'limit', 'orderBy', 'data'];

/**
 * @throws KssError INVALID_OPTION, INVALID_SID
 */
export function listingOf(options: FindOptions<readonly FieldShape[]>, layout: Layout): Listing {
  const { current, limit = 100, orderBy, data = false } = refuseUnknown(options, OPTION_NAMES, 'option of find');
  if (limit !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(limit) && limit > 0)) {
    throw new KssError('INVALID_OPTION', 'limit must be a whole number above 0, or Infinity for all.');
  }
  const sortable: Readonly<Record<string, string | undefined>> = {
    expiresAt: layout.expireAt,
    createdAt: layout.createdAt,
    updatedAt: layout.updatedAt,
    ...Object.fromEntries(layout.fields.map(({ name }) => [name, name])),
  };
  const { column: by = layout.createdAt === undefined ? 'expiresAt' : 'createdAt', direction = 'desc' } = refuseUnknown(
    (orderBy ?? {}) as NonNullable<typeof orderBy>,
    ['column', 'direction'],
    'key of orderBy',
  );
  const column = typeof by === 'string' && Object.hasOwn(sortable, by) ? sortable[by] : undefined;
  if (column === undefined) {
    const names = Object.keys(sortable).filter((name) => sortable[name] !== undefined);
    throw unknownName(typeof by === 'string' ? by : typeof by, names, 'column to order by');
  }
  if (direction !== 'asc' && direction !== 'desc')
    throw new KssError('INVALID_OPTION', "direction must be 'asc' or 'desc'.");
  return { current: current === undefined ? undefined : handleOf(current), limit, column, direction, data };
}

/** The columns that a list reads, under the aliases. */
export function listColumns({ layout, forms, dialect, quote }: Place, data: boolean): string {
  const columns: [string, string][] = [
    [quote(layout.sid), ALIAS.sid],
    [forms.readExpiry(quote(layout.expireAt)), ALIAS.expireAt],
    ...layout.fields.map(({ type, name }, i): [string, string] => [
      dialect.readColumn(type, quote(name)),
      fieldAlias(i),
    ]),
  ];
  if (layout.createdAt !== undefined) columns.push([quote(layout.createdAt), ALIAS.createdAt]);
  if (layout.updatedAt !== undefined) columns.push([quote(layout.updatedAt), ALIAS.updatedAt]);
  if (data) columns.push([forms.readText(quote(layout.additional)), ALIAS.additional]);
  return columns.map(([column, alias]) => `${column} as ${quote(alias)}`).join(', ');
}

/** One entry of a list. A session that cannot be read has no `data`, and `report` hears why. */
export function infoOf(
  row: Record<string, unknown>,
  layout: Layout,
  { current, data }: Listing,
  report: (error: unknown) => void,
): SessionInfo {
  const key = readKey(row[ALIAS.sid]);
  const handle = handleOfKey(key);
  const expireAt = readInstant(row[ALIAS.expireAt]);
  const read = (field: Field, raw: unknown) => readable(() => readValue(key, field, raw), report) ?? null;
  const columns = Object.fromEntries(layout.fields.map((field, i) => [field.name, read(field, row[fieldAlias(i)])]));
  const created = row[ALIAS.createdAt] ?? undefined;
  const updated = row[ALIAS.updatedAt] ?? undefined;
  const session = data ? readable(() => readData(row, key, layout, expireAt), report) : undefined;
  return {
    handle,
    current: handle === current,
    expiresAt: new Date(expireAt),
    ...(created !== undefined && { createdAt: new Date(readInstant(created)) }),
    ...(updated !== undefined && { updatedAt: new Date(readInstant(updated)) }),
    columns,
    ...(session && { data: session }),
  };
}

function readData(row: Record<string, unknown>, key: string, layout: Layout, expireAt: number): SessionData {
  const values = layout.fields.flatMap((field, i) => (field.owned ? [row[fieldAlias(i)]] : []));
  return decodeSession({ key, expireAt, text: readText(row), values }, layout);
}

/** One row that cannot be read does not take the list with it. */
function readable<T>(read: () => T, report: (error: unknown) => void): T | undefined {
  try {
    return read();
  } catch (error) {
    report(error);
    return undefined;
  }
}

/** Appends a list's order and length to a query. */
export function arrange(
  query: Knex.QueryBuilder,
  { column, direction, limit }: Listing,
  { table, sid }: Pick<Layout, 'table' | 'sid'>,
): Knex.QueryBuilder {
  // With the table: a column may be named like an alias, which would come first.
  const ordered = query.orderBy([
    { column: `${table}.${column}`, order: direction },
    { column: `${table}.${sid}`, order: 'asc' },
  ]);
  return limit === Number.POSITIVE_INFINITY ? ordered : ordered.limit(limit);
}
