import type { EncodedSession, SessionRow } from './codec.js';
import { giveValue } from './column-types.js';
import type { Field, Layout, RowUpdate } from './layout.js';
import { contentToken, freshToken, nextRandom } from './token.js';

/** What a save would overwrite: the text of a row, and one value for each owned field, as they were read or written. */
export interface Content {
  readonly text: string | null;
  readonly values: readonly unknown[];
}

/** The content of a row that was written. */
export function writtenContent({ text, values }: Pick<EncodedSession, 'text' | 'values'>, layout: Layout): Content {
  return { text, values: values.filter((_, i) => layout.fields[i]?.owned === true) };
}

/** What of a session makes its token. */
export type Written = Pick<EncodedSession, 'text' | 'values' | 'taken'>;

/** The token of a session that is born. */
export function newToken(written: Written, layout: Layout): number {
  return layout.revision === undefined ? tokenOfWritten(written, layout) : freshToken();
}

/** The random part of the token of a session that is saved; another than that of the one before. */
export function nextRandomOf(written: Written, known: number | undefined, layout: Layout): number {
  return layout.revision === undefined ? tokenOfWritten(written, layout) : nextRandom(known);
}

/**
 * What a change asks for of a row that was read: that it is as it was.
 *
 * @param expected what its content is compared with, where the table has no revisions
 */
export function guardOf(
  row: { readonly key: string; readonly token: number },
  expected: readonly unknown[],
  layout: Layout,
): Pick<RowUpdate, 'random' | 'key' | 'lowest' | 'highest' | 'expected'> {
  const { key } = row;
  if (layout.revision === undefined) return { random: 0, key, lowest: 0, highest: 0, expected };
  const { token } = row;
  return { random: nextRandom(token), key, lowest: token, highest: token, expected: null };
}

/** A row of a table without revisions: only a save asks for its token, which takes the text apart. */
export class UnrevisedRow implements SessionRow {
  readonly key: string;
  readonly expireAt: number;
  readonly text: string | null;
  readonly values: readonly unknown[];
  readonly #layout: Layout;
  #token: number | undefined;

  constructor({ key, expireAt, text, values }: SessionRow, layout: Layout) {
    this.key = key;
    this.expireAt = expireAt;
    this.text = text;
    this.values = values;
    this.#layout = layout;
  }

  get token(): number {
    this.#token ??= tokenOf(this.text, this.values, this.#layout);
    return this.#token;
  }
}

function tokenOfWritten({ text, values, taken }: Written, layout: Layout): number {
  const owned = layout.fields.flatMap(({ owned }, i) => (owned ? [values[i] === null ? null : taken[i]] : []));
  return tokenOf(text, owned, layout);
}

/** What is written and what is read of it have one token: by the values that the session has, where their forms differ. */
function tokenOf(text: string | null, owned: readonly unknown[], layout: Layout): number {
  const told = text !== null && layout.text === 'json' ? inOneOrder(text) : text;
  return contentToken(JSON.stringify([told, owned.map((value, i) => plain(layout.owned[i] as Field, value))]));
}

function plain({ type, args }: Field, raw: unknown): unknown {
  if (raw === null || raw === undefined) return null;
  try {
    const value = giveValue(type, args, raw);
    if (Buffer.isBuffer(value)) return value.toString('base64');
    return type === 'json' || type === 'jsonb' ? sorted(value) : value;
  } catch {
    return String(raw); // what another program wrote there
  }
}

/** Databases that know JSON order its keys. */
function inOneOrder(text: string): string {
  try {
    return sorted(JSON.parse(text));
  } catch {
    return text; // no JSON, whatever it is
  }
}

function sorted(json: unknown): string {
  return JSON.stringify(json, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
