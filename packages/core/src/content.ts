import type { SessionRow } from './codec.js';
import type { Layout, RowUpdate } from './layout.js';
import { contentToken, freshToken, nextRandom } from './token.js';

/** The token of a session that is born with this text. */
export function newToken(text: string, layout: Layout): number {
  return layout.revision === undefined ? tokenOfText(text, layout) : freshToken();
}

/** The random part of the token of a session that is saved with this text; another than that of the one before. */
export function nextRandomOf(text: string, known: number | undefined, layout: Layout): number {
  return layout.revision === undefined ? tokenOfText(text, layout) : nextRandom(known);
}

/** What a change asks for of a row that was read: that it is as it was. */
export function guardOf(
  row: Pick<SessionRow, 'key' | 'text'> & { readonly token: number },
  layout: Layout,
): Pick<RowUpdate, 'random' | 'key' | 'lowest' | 'highest' | 'expected'> {
  const { key, text: expected } = row;
  if (layout.revision === undefined) return { random: 0, key, lowest: 0, highest: 0, expected };
  const { token } = row;
  return { random: nextRandom(token), key, lowest: token, highest: token, expected };
}

/** A row of a table without revisions: only where a save meets another is its token asked for, which takes the text apart. */
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
    this.#token ??= tokenOfText(this.text ?? '', this.#layout);
    return this.#token;
  }
}

/** Databases that know JSON order its keys. */
function tokenOfText(text: string, layout: Layout): number {
  return contentToken(layout.text === 'json' ? inOneOrder(text) : text);
}

function inOneOrder(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), (_, value: unknown) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        : value,
    );
  } catch {
    return text; // no JSON, whatever it is
  }
}
