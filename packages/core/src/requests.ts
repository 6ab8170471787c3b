import type { SessionRow } from './codec.js';
import {
  ALIAS,
  fieldAlias,
  type Layout,
  type RowTouch,
  type RowUpdate,
  type RowWrite,
  readInstant,
  readText,
  tokenIn,
} from './layout.js';

/** A row that is there, with its token. */
export interface StoredRow extends SessionRow {
  readonly token: number;
}

/**
 * What to write instead, where the row has another token than the one that was read.
 *
 * @throws KssError CONFLICT, where nothing is to be written then
 */
export type Again = (row: StoredRow) => Pick<RowWrite, 'text' | 'values'>;

/** What an operation of each kind brings; those of one kind can go in one statement. */
export interface Inputs {
  /** The key. */
  readonly read: string;
  readonly upsert: Omit<RowWrite, 'now'>;
  /** `known`: the token that was read, if one was. */
  readonly update: Omit<RowUpdate, 'now'> & { readonly known: number | undefined; readonly again?: Again | undefined };
  readonly touch: RowTouch;
  /** The key. */
  readonly remove: string;
}

/** What an operation of each kind comes to. */
export interface Outputs {
  readonly read: StoredRow | null;
  /** The token in the row. */
  readonly upsert: number;
  /** The new token, or null where no row was reached. */
  readonly update: number | null;
  /** Whether there was such a row. */
  readonly touch: boolean;
  readonly remove: undefined;
}

export type RequestKind = keyof Inputs;

/** The row of a read, out of what the driver gave. */
export function storedRow(key: string, row: Record<string, unknown>, layout: Layout): StoredRow {
  const text = readText(row);
  return {
    key,
    expireAt: readInstant(row[ALIAS.expireAt]),
    token: tokenIn(row, text, layout),
    text,
    values: valuesOf(row, layout.owned.length),
  };
}

function valuesOf(row: Record<string, unknown>, count: number): unknown[] {
  const values: unknown[] = [];
  for (let i = 0; i < count; i++) values.push(row[fieldAlias(i)]);
  return values;
}
