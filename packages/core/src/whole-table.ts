import type { Knex } from 'knex';
import { ALIAS, fieldAlias, readInstant, readKey, readText, readToken } from './layout.js';
import { listColumns } from './listing.js';
import { type Place, queryOn, whereLive } from './place.js';

/** A live row with all its columns. */
export interface WholeRow {
  readonly key: string;
  readonly expireAt: number;
  /** Of a table that has tokens. */
  readonly token: number;
  readonly text: string | null;
  /** One for each field of the layout, in its order. */
  readonly values: readonly unknown[];
}

/** Sends a query; where it runs is for the caller to say. */
export type Run = <T>(make: () => PromiseLike<T>) => Promise<T>;

/**
 * The live rows, a chunk at a time in the order of their keys: no transaction, no cursor, so that the app goes on meanwhile.
 * Sessions that are born during the pass may be missed.
 *
 * @param unset columns of which at least one must be NULL; none: every row
 * @param set columns of which at least one must not be NULL; none: every row
 */
export async function* livePages(
  place: Place,
  chunk: number,
  run: Run,
  { unset = [], set = [] }: { readonly unset?: readonly string[]; readonly set?: readonly string[] },
): AsyncGenerator<readonly WholeRow[]> {
  const { layout } = place;
  for (let last: string | undefined; ; ) {
    const after = last;
    const rows = await run(() => {
      const query = liveRows(place);
      if (after !== undefined) query.where(layout.sid, '>', after);
      if (unset.length > 0) query.where((any) => unset.forEach((name) => void any.orWhereNull(name)));
      if (set.length > 0) query.where((any) => set.forEach((name) => void any.orWhereNotNull(name)));
      return query.orderBy(`${layout.table}.${layout.sid}`).limit(chunk) as PromiseLike<Record<string, unknown>[]>;
    });
    if (rows.length > 0) yield rows.map((row) => wholeRow(row, place));
    if (rows.length < chunk) return;
    last = String(rows.at(-1)?.[ALIAS.sid]);
  }
}

/** The row of one live session; undefined where there is none. */
export async function liveRow(place: Place, key: string): Promise<WholeRow | undefined> {
  const [row] = (await liveRows(place).where(place.layout.sid, key)) as Record<string, unknown>[];
  return row === undefined ? undefined : wholeRow(row, place);
}

function liveRows(place: Place): Knex.QueryBuilder {
  const { knex, layout, quote } = place;
  const revision = layout.revision === undefined ? '' : `, ${quote(layout.revision)} as ${quote(ALIAS.revision)}`;
  return whereLive(queryOn(place).select(knex.raw(listColumns(place, true) + revision)), place);
}

function wholeRow(row: Record<string, unknown>, { layout }: Place): WholeRow {
  return {
    key: readKey(row[ALIAS.sid]),
    expireAt: readInstant(row[ALIAS.expireAt]),
    token: readToken(row),
    text: readText(row),
    values: layout.fields.map((_, i) => row[fieldAlias(i)]),
  };
}

/** The values of the owned fields among those of all fields. */
export function ownedValues({ values }: Pick<WholeRow, 'values'>, { layout }: Pick<Place, 'layout'>): unknown[] {
  return values.filter((_, i) => layout.fields[i]?.owned === true);
}
