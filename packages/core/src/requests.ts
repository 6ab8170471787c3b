import type { SessionRow } from './codec.js';
import { UnrevisedRow, type Written } from './content.js';
import type { KssError } from './errors.js';
import {
  ALIAS,
  fieldAlias,
  type Layout,
  type RowTouch,
  type RowUpdate,
  type RowWrite,
  readInstant,
  readText,
  readToken,
} from './layout.js';

/** A row that is there, with its token. */
export interface StoredRow extends SessionRow {
  readonly token: number;
}

/**
 * What to write instead, where the row has another token than the one that was read.
 *
 * @param broke why nobody knows whether what was to be written stood in the row before that token; undefined where it did not
 * @throws KssError CONFLICT, DATABASE, where nothing is to be written then
 */
export type Again = (row: StoredRow, broke: KssError | undefined) => Written;

/** Notes of a write that its connection broke and it was sent again: whether the one before was done, nobody knows. */
export interface Unheard {
  broke?: KssError | undefined;
}

/** What an operation of each kind brings; those of one kind can go in one statement. */
export interface Inputs {
  /** The key. */
  readonly read: string;
  readonly upsert: Omit<RowWrite, 'now'>;
  /** `known`: the token that was read, if one was. */
  readonly update: Omit<RowUpdate, 'now'> & {
    readonly known: number | undefined;
    readonly again?: Again | undefined;
    readonly unheard?: Unheard | undefined;
  };
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

/** Writes into the notes of updates whose statement is sent again that their connection broke. */
export function noting(inputs: readonly Pick<Inputs['update'], 'unheard'>[]): (error: KssError) => void {
  return (error) => {
    for (const { unheard } of inputs) if (unheard !== undefined) unheard.broke = error;
  };
}

/** Characters and bytes that a session brings into its statement, more or less. */
export function sizeOf({ text, values }: Pick<RowWrite, 'text' | 'values'>): number {
  let size = text.length;
  for (const value of values) if (typeof value === 'string' || Buffer.isBuffer(value)) size += value.length;
  return size;
}

/** The row of a read, out of what the driver gave. */
export function storedRow(key: string, row: Record<string, unknown>, layout: Layout): StoredRow {
  const expireAt = readInstant(row[ALIAS.expireAt]);
  const text = readText(row);
  const values = valuesOf(row, layout.owned.length);
  if (layout.revision === undefined) return new UnrevisedRow({ key, expireAt, text, values }, layout);
  return { key, expireAt, token: readToken(row), text, values };
}

function valuesOf(row: Record<string, unknown>, count: number): unknown[] {
  const values: unknown[] = [];
  for (let i = 0; i < count; i++) values.push(row[fieldAlias(i)]);
  return values;
}
