import type { Outcome } from './calls.js';
import { nextRandomOf } from './content.js';
import { contentValues } from './dialect/index.js';
import type { Dispatch } from './dispatch.js';
import { KssError } from './errors.js';
import type { Place } from './place.js';
import { MOST_TEXT } from './queue.js';
import { type Again, type Inputs, type StoredRow, sizeOf, type Unheard } from './requests.js';
import { incarnationOf, NO_TOKEN, randomOf } from './token.js';

const TRIES = 5;

type Update = Inputs['update'];

/** An update that reached no row of the token that it asked for: what becomes of it is for the row to say. */
export class Overtaken {
  /** Its place among those that were sent together. */
  readonly index: number;
  /** What is to be written, or was last. */
  input: Update;
  readonly #again: Again;
  readonly #place: Place;
  readonly #incarnation: number;
  readonly #written: Set<number>;
  readonly #unheard: Unheard;
  #asked: number;

  constructor(index: number, input: Update, again: Again, place: Place) {
    const { known = 0, lowest, unheard = {} } = input;
    this.index = index;
    this.input = input;
    this.#again = again;
    this.#place = place;
    this.#incarnation = incarnationOf(known)[0];
    this.#written = new Set([input.random]);
    this.#unheard = unheard;
    this.#asked = known;
    if (lowest === NO_TOKEN) unheard.broke = undefined; // no row has it
  }

  /** How it ended, by the row that is there; undefined where there is something to write over that. */
  meet(row: StoredRow | null): Outcome<number | null> | undefined {
    if (row === null || incarnationOf(row.token)[0] !== this.#incarnation) return { value: null };
    if (this.#isOurs(row)) return { value: row.token };
    try {
      this.#writeOver(row);
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  /** Whether it is this very write, whose answer was lost. A row without revisions may have its content from another one. */
  #isOurs({ token, expireAt }: StoredRow): boolean {
    const { layout, forms } = this.#place;
    if (!this.#written.has(randomOf(token))) return false;
    return layout.revision !== undefined || expireAt === forms.kept(this.input.expireAt);
  }

  #writeOver(row: StoredRow): void {
    const { token } = row;
    const { layout, dialect } = this.#place;
    // Where only the end is another, there is nothing to merge.
    if (randomOf(token) !== this.input.random) this.#merge(row);
    // What asked for a token that the row has no more will not reach it, either.
    if (token !== this.#asked) this.#unheard.broke = undefined;
    this.#asked = token;
    const expected = layout.revision === undefined ? contentValues(layout, dialect, row) : null;
    this.input = { ...this.input, known: token, lowest: token, highest: token, expected };
  }

  #merge(row: StoredRow): void {
    const merged = this.#again(row, row.token === this.#asked ? undefined : this.#unheard.broke);
    const random = nextRandomOf(merged, row.token, this.#place.layout);
    this.#written.add(random);
    this.input = { ...this.input, text: merged.text, values: merged.values, token: random, random };
  }
}

/**
 * Those of some updates that reached no row, and are told what to do then.
 *
 * @param outcomes how the updates ended, in their order
 */
export function overtakenOf(
  inputs: readonly Update[],
  outcomes: readonly Outcome<unknown>[],
  place: Place,
): readonly Overtaken[] {
  return inputs.flatMap((input, i) =>
    input.again !== undefined && isUnreached(outcomes[i]) ? [new Overtaken(i, input, input.again, place)] : [],
  );
}

/**
 * Ends updates that were overtaken: their rows are read together, and written together once; those that are overtaken again go on
 * one by one. What nobody waits for any more is not written. It never rejects.
 *
 * @param at the deadline, on the monotonic clock
 */
export async function settleOvertaken(
  overtaken: readonly Overtaken[],
  dispatch: Dispatch,
  at: number,
  waits: (index: number) => boolean,
  tell: (index: number, outcome: Outcome<unknown>) => void,
): Promise<void> {
  const isWaitedFor = ({ index }: Overtaken) => waits(index);
  const again: Overtaken[] = [];
  for (const company of companies(await meetAll(overtaken.filter(isWaitedFor), dispatch, at, tell))) {
    const writing = company.filter(isWaitedFor);
    const inputs = writing.map(({ input }) => input);
    const outcomes = writing.length === 0 ? [] : await dispatch.run('update', inputs, at);
    writing.forEach((one, i) => {
      const outcome = outcomes[i] as Outcome<unknown>;
      if (isUnreached(outcome)) again.push(one);
      else tell(one.index, outcome);
    });
  }
  for (const one of again) if (isWaitedFor(one)) tell(one.index, await settleAlone(one, dispatch, at));
}

/** Reads the rows of all; those that have something to write then. */
async function meetAll(
  overtaken: readonly Overtaken[],
  dispatch: Dispatch,
  at: number,
  tell: (index: number, outcome: Outcome<unknown>) => void,
): Promise<Overtaken[]> {
  if (overtaken.length === 0) return [];
  const keys = overtaken.map(({ input }) => input.key);
  const rows = await dispatch.run('read', keys, at);
  return overtaken.filter((one, i) => {
    const row = rows[i] as Outcome<StoredRow | null>;
    const outcome = 'value' in row ? one.meet(row.value) : row;
    if (outcome !== undefined) tell(one.index, outcome);
    return outcome === undefined;
  });
}

async function settleAlone(one: Overtaken, dispatch: Dispatch, at: number): Promise<Outcome<number | null>> {
  try {
    for (let tried = 1; tried < TRIES; tried++) {
      const outcome = one.meet(await dispatch.single.read(one.input.key, at));
      if (outcome !== undefined) return outcome;
      const token = await dispatch.single.update(one.input, at);
      if (token !== null) return { value: token };
    }
    throw new KssError('CONFLICT', `The session changed ${TRIES} times while it was saved; load it and try again.`);
  } catch (error) {
    return { error };
  }
}

function isUnreached(outcome: Outcome<unknown> | undefined): boolean {
  return outcome !== undefined && 'value' in outcome && outcome.value === null;
}

/** Large sessions go in small company, and what is written now may be larger than what was to be. */
function companies(all: readonly Overtaken[]): Overtaken[][] {
  const found: Overtaken[][] = [];
  let text = Number.POSITIVE_INFINITY;
  for (const one of all) {
    const size = sizeOf(one.input);
    text += size;
    if (text > MOST_TEXT) {
      found.push([]);
      text = size;
    }
    found.at(-1)?.push(one);
  }
  return found;
}
