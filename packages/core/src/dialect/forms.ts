import type { ExpiryForm } from '../foreign-layouts.js';
import type { Layout } from '../layout.js';
import type { ColumnType } from '../types.js';

/** What a database says of instants and of text that stand in a column as another store put them there. */
export interface Words {
  /** Milliseconds in what the plain type for an instant keeps, or what is compared of it. */
  readonly instantUnit: 1 | 1000;
  /** Whole seconds out of epoch milliseconds and `more` of them, rounded down. */
  seconds(ms: string, more: number): string;
  /** The lesser of epoch milliseconds and a constant. */
  atMost(ms: string, latest: number): string;
  /** An instant as its column has it, out of epoch milliseconds or, where `unit` is 1000, epoch seconds. */
  writeInstant(since: string, unit: 1 | 1000, utc: boolean): string;
  /** What a column of instants is compared with; the same as is written, where this is left out. */
  compareInstant?(since: string, unit: 1 | 1000): string;
  /** Epoch milliseconds out of a column of instants. */
  readInstant(column: string, utc: boolean): string;
  /** A column in a select, so that its value arrives in a form that no driver setting or time zone bends. */
  readColumn(type: ColumnType, column: string): string;
  /** JSON text as its column takes it. */
  writeJson(text: string): string;
  /** Whether a column of JSON text has a text, byte for byte, or both are NULL. */
  sameText(column: string, text: string): string;
  /**
   * Whether a column has the value of a binding, or both are NULL, with {@link readColumn} on the column's side: what was read of a
   * row is the same as long as nobody changes it, whoever wrote it. Undefined for what the database cannot compare.
   */
  sameValue(type: ColumnType, column: string): string | undefined;
  /** That binding, for what was read of a column or is written into it; what is written may have another form than it is read in. */
  asRead(type: ColumnType, value: unknown): unknown;
}

/** How the expiry and the text stand in their columns, as SQL; on the outside they are epoch milliseconds and text. */
export interface Forms {
  /** The expiry's column in a select. */
  readonly readExpiry: (column: string) => string;
  /** A binding for the expiry's column. */
  readonly writeExpiry: (ms: string) => string;
  /** What is left of an expiry in its column, in epoch milliseconds. */
  readonly kept: (ms: number) => number;
  /** Whether a row lives at an instant. */
  readonly live: (column: string, ms?: string) => string;
  /** Whether a row's life is over at an instant. */
  readonly over: (column: string, ms?: string) => string;
  /** The text's column in a select. */
  readonly readText: (column: string) => string;
  /** A binding for the text's column. */
  readonly writeText: (text: string) => string;
  readonly sameText: (column: string) => string;
}

/** The forms of a layout in the words of a database. In a table of our own, every one is the column or the binding itself. */
export function formsOf({ expiry, text }: Pick<Layout, 'expiry' | 'text'>, words: Words): Forms {
  const { readExpiry, writeExpiry, compared } = expiryForms(expiry, words);
  const unit = expiry.unit ?? (expiry.as === 'number' ? 1 : words.instantUnit);
  const more = unit === 1 ? 0 : MORE[expiry.rounding];
  const [lives, isOver] = expiry.inclusive ? ['>=', '<'] : ['>', '<='];
  const isJson = text === 'json';
  return {
    readExpiry,
    writeExpiry,
    kept: (ms) => Math.floor((Math.min(ms, expiry.latest) + more) / unit) * unit,
    live: (column, ms = '?') => `${column} ${lives} ${compared(ms)}`,
    over: (column, ms = '?') => `${column} ${isOver} ${compared(ms)}`,
    readText: (column) => (isJson ? words.readColumn('json', column) : column),
    writeText: (given) => (isJson ? words.writeJson(given) : given),
    sameText: (column) => words.sameText(isJson ? words.readColumn('json', column) : column, '?'),
  };
}

type ExpiryForms = Pick<Forms, 'readExpiry' | 'writeExpiry'> & { readonly compared: (ms: string) => string };

const MORE = { floor: 0, round: 500, ceil: 999 } as const;

function expiryForms({ as, unit, rounding, latest, oneSpelling }: ExpiryForm, words: Words): ExpiryForms {
  const most = (ms: string) => (latest === Number.POSITIVE_INFINITY ? ms : words.atMost(ms, latest));
  const since = (ms: string, kept: 1 | 1000) => (kept === 1 ? ms : words.seconds(ms, MORE[rounding]));
  if (as === 'number') {
    const kept = unit ?? 1;
    return {
      readExpiry: (column) => (kept === 1 ? column : `${column} * ${kept}`),
      writeExpiry: (ms) => since(most(ms), kept),
      compared: (ms) => since(ms, kept),
    };
  }
  const utc = as === 'utc';
  const kept = unit ?? words.instantUnit;
  const written = (ms: string, each: 1 | 1000) => words.writeInstant(since(ms, each), each, utc);
  const compareInstant = oneSpelling ? undefined : words.compareInstant;
  return {
    readExpiry: (column) => words.readInstant(column, utc),
    writeExpiry: (ms) => written(most(ms), kept),
    compared: (ms) => (compareInstant === undefined ? written(ms, kept) : compareInstant(since(ms, kept), kept)),
  };
}
