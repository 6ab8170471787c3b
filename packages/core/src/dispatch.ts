import type { Outcome } from './calls.js';
import type { Sql, Statements } from './dialect/index.js';
import { anotherOf, isKssError, type KssError } from './errors.js';
import type { Executor } from './executor.js';
import { rowColumns } from './layout.js';
import { type Multiples, multiples } from './multiple.js';
import type { Place } from './place.js';
import { type MakeQuery, queryMaker } from './query.js';
import type { Inputs, Outputs, RequestKind } from './requests.js';
import { type Send, type Singles, singles } from './single.js';

/** Does what requests of one kind want: a single one by a plain statement, more by one for them all. */
export class Dispatch {
  readonly #place: Place;
  readonly #executor: Executor;
  readonly #prepare: boolean;
  readonly #query: MakeQuery;
  readonly #send: Send;
  readonly statements: Statements;
  readonly single: Singles;
  #multiples: Multiples | undefined;

  constructor(place: Place, executor: Executor, prepare: boolean) {
    this.#place = place;
    this.#executor = executor;
    this.#prepare = prepare;
    this.#query = queryMaker(place.knex, place.dialect);
    this.#send = (at, make, broke) => this.raw(at, make, broke);
    this.statements = place.dialect.statements(place.layout, place.table, place.quote);
    this.single = singles(place, this.statements, this.#send);
  }

  /** How many requests of a kind the database takes in one statement. */
  most(kind: RequestKind): number {
    const { dialect, layout } = this.#place;
    if (kind === 'read' || kind === 'remove') return dialect.mostBindings - 1;
    if (!dialect.batchesWrites) return 1;
    // Which rows still had the text that was read, not every database says.
    if (kind === 'update' && layout.revision === undefined) return 1;
    const row = rowColumns(layout).length + 4; // an update brings its token's range, too
    const most = kind === 'upsert' ? undefined : dialect.mostUpdated;
    return Math.max(1, Math.min(most ?? Number.POSITIVE_INFINITY, Math.floor((dialect.mostBindings - 2) / row)));
  }

  /**
   * Where the database refuses a row, that row fails alone, and the others are sent again without it.
   *
   * @param inputs each of another key
   * @param at the deadline, on the monotonic clock
   * @returns how each ended, in their order
   */
  async run<K extends RequestKind>(kind: K, inputs: readonly Inputs[K][], at: number): Promise<Outcome<Outputs[K]>[]> {
    try {
      return (await this.#attempt(kind, inputs, at)).map((value) => ({ value }));
    } catch (error) {
      if (inputs.length > 1 && kind !== 'read') {
        if (isKssError(error, 'COLUMN_VALUE')) return this.#halves(kind, inputs, at);
        const failure = isKssError(error, 'DATABASE') ? this.#place.dialect.failure(error.cause).kind : undefined;
        // Deadlocked again and again: fewer rows cross fewer others, and one row none.
        if (failure === 'transient') return this.#halves(kind, inputs, at);
        if (failure === 'other') return this.#probe(kind, inputs, at, error);
      }
      return inputs.map((_, i) => ({ error: i === 0 ? error : anotherOf(error) }));
    }
  }

  /** Too much at once, one that is refused, or wrong whatever is sent: a few alone will tell. */
  async #probe<K extends RequestKind>(
    kind: K,
    inputs: readonly Inputs[K][],
    at: number,
    error: unknown,
  ): Promise<Outcome<Outputs[K]>[]> {
    const outcomes = new Map<number, Outcome<Outputs[K]>>();
    for (const i of new Set([0, inputs.length - 1, Math.floor(inputs.length / 2)])) {
      const [outcome] = (await this.run(kind, inputs.slice(i, i + 1), at)) as [Outcome<Outputs[K]>];
      outcomes.set(i, outcome);
      if ('error' in outcome) continue;
      const rest = await this.#halves(
        kind,
        inputs.filter((_, j) => !outcomes.has(j)),
        at,
      );
      return inputs.map((_, j) => outcomes.get(j) ?? (rest.shift() as Outcome<Outputs[K]>));
    }
    return inputs.map((_, j) => outcomes.get(j) ?? { error: anotherOf(error) });
  }

  /** The result of a statement of ours, as the driver gives it; it is made anew for each try. */
  async raw(at: number, make: () => Sql, broke?: (error: KssError) => void): Promise<unknown> {
    try {
      return await this.#executor.send(at, () => this.#query(make(), this.#prepare), broke);
    } catch (error) {
      if (!this.#prepare || !this.#isStale(error)) throw error;
      const result = await this.#executor.send(at, () => this.#query(make(), false), broke);
      this.#place.dialect.forgetPrepared?.();
      return result;
    }
  }

  #isStale(error: unknown): boolean {
    return isKssError(error, 'DATABASE') && this.#place.dialect.failure(error.cause).kind === 'stale';
  }

  async #attempt<K extends RequestKind>(kind: K, inputs: readonly Inputs[K][], at: number): Promise<Outputs[K][]> {
    const [first] = inputs;
    if (inputs.length === 1 && first !== undefined) return [await this.#single(kind, first, at)];
    this.#multiples ??= await this.#compile();
    try {
      return await this.#multiples[kind](inputs, at);
    } catch (error) {
      if (!this.#isStale(error)) throw error;
      this.#multiples = await this.#compile();
      return this.#multiples[kind](inputs, at);
    }
  }

  async #single<K extends RequestKind>(kind: K, input: Inputs[K], at: number): Promise<Outputs[K]> {
    try {
      return await this.single[kind](input, at);
    } catch (error) {
      // The row that has the value may be this session's, just inserted by another process: then it is updated now.
      const cause = kind === 'upsert' && isKssError(error, 'COLUMN_VALUE') ? error.cause : undefined;
      if (cause === undefined || this.#place.dialect.failure(cause).kind !== 'unique') throw error;
      return this.single[kind](input, at);
    }
  }

  async #halves<K extends RequestKind>(
    kind: K,
    inputs: readonly Inputs[K][],
    at: number,
  ): Promise<Outcome<Outputs[K]>[]> {
    if (inputs.length === 0) return [];
    const middle = Math.ceil(inputs.length / 2);
    const outcomes = await this.run(kind, inputs.slice(0, middle), at);
    if (middle === inputs.length) return outcomes;
    return [...outcomes, ...(await this.run(kind, inputs.slice(middle), at))];
  }

  async #compile(): Promise<Multiples> {
    const { knex, dialect, layout, table, quote } = this.#place;
    return multiples(this.#place, await dialect.batches(knex, layout, table, quote), this.#send);
  }
}
