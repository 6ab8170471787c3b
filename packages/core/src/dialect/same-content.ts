import type { Content } from '../content.js';
import type { Layout } from '../layout.js';
import type { Quote } from './dialect.js';
import { formsOf, type Words } from './forms.js';

/**
 * The conditions on a row's content, as they follow others: its text alone, or with the columns that hold a part of the session.
 * Their bindings are those of {@link contentValues}.
 */
export function contentConditions(layout: Layout, quote: Quote, words: Words): { text: string; content: string } {
  const text = ` and ${formsOf(layout, words).sameText(quote(layout.additional))}`;
  const columns = layout.owned.flatMap(({ type, name }) => words.sameValue(type, quote(name)) ?? []);
  return { text, content: [text, ...columns].join(' and ') };
}

/** What a row's content is compared with: what was read of a row, or written into it. */
export function contentValues(layout: Layout, words: Words, { text, values }: Content): unknown[] {
  const compared: unknown[] = [text];
  layout.owned.forEach(({ type }, i) => {
    const value = values[i] ?? null;
    if (words.sameValue(type, '') !== undefined) compared.push(value === null ? null : words.asRead(type, value));
  });
  return compared;
}
