import { type Deadlines, timedOut } from './deadline.js';
import { anotherOf, KssError } from './errors.js';
import { Operation, type OperationKind } from './operation.js';
import { Order } from './order.js';
import { Queue } from './queue.js';
import type { Inputs, Outputs, RequestKind } from './requests.js';

// What may wait while the database stalls: calls, and characters of sessions in them.
const MOST_OPEN = 50_000;
const MOST_TEXT = 128 * 1024 * 1024;

/** How a request ended. */
export type Outcome<O> = { readonly value: O } | { readonly error: unknown };

/** How requests ended, in their order; undefined where something is still to be done when the others were told theirs. */
export interface Performed {
  readonly outcomes: readonly (Outcome<unknown> | undefined)[];
  /**
   * Does it; never rejects.
   *
   * @param waits whether somebody waits for the request at an index; if not, it need not be told
   * @param tell called once for each request that is waited for
   */
  readonly rest?: (
    waits: (index: number) => boolean,
    tell: (index: number, outcome: Outcome<unknown>) => void,
  ) => Promise<void>;
}

/** An errand of its own, before a deadline on the monotonic clock. */
export type Errand<T> = (at: number) => Promise<T>;

/** What the calls need of those who carry them out. */
export interface CallsOptions {
  readonly deadlines: Deadlines;
  /** Statements at once. */
  readonly slots: number;
  /** Whether reads of a key that wait side by side become one. */
  readonly shares: boolean;
  /** How many requests of a kind go together. */
  readonly most: (kind: RequestKind) => number;
  /** Carries out requests of one kind, each of another key; never rejects. */
  readonly perform: (kind: RequestKind, inputs: readonly Inputs[RequestKind][], at: number) => Promise<Performed>;
  /** What to wait for before anything is carried out; undefined where there is nothing to wait for. */
  readonly ready: () => Promise<void> | undefined;
}

/** The calls under way: each takes its place in the order, waits in the queue, and ends at its deadline at the latest. */
export class Calls {
  readonly #options: CallsOptions;
  readonly #order: Order;
  #open = 0;
  #text = 0;
  #idle: (() => void)[] = [];

  constructor(options: CallsOptions) {
    this.#options = options;
    const queue = new Queue(
      (kind, operations) => (kind === 'alone' ? this.#runAlone(operations) : this.#runTogether(kind, operations)),
      options.slots,
      (kind) => (kind === 'alone' ? 1 : options.most(kind)),
    );
    this.#order = new Order((operation) => queue.push(operation), options.shares);
  }

  /** A request that goes together with others of its kind. `size`: the characters of a session that it carries. */
  request<K extends RequestKind>(kind: K, key: string, input: Inputs[K], size: number): Promise<Outputs[K]> {
    return this.#admit(this.#operation(kind, key, input, size)) as Promise<Outputs[K]>;
  }

  /** An errand on one key, in the order of the calls. */
  errand<T>(key: string, errand: Errand<T>): Promise<T> {
    return this.#admit(this.#operation('alone', key, errand, 0)) as Promise<T>;
  }

  /** An errand for the sake of the call on the key that is made next: where it fails, it is that call which fails. */
  lead(key: string, errand: Errand<void>): void {
    const operation = this.#operation('alone', key, errand, 0);
    operation.leads = true;
    this.#admit(operation).catch(() => {});
  }

  /**
   * An errand on many keys; it sees the writes called before it.
   *
   * @param as a write is seen by later ones on many keys; a barrier is waited for by every write that is called after it
   */
  errandOnMany<T>(errand: Errand<T>, as: 'read' | 'write' | 'barrier'): Promise<T> {
    return this.#admit(this.#operation('alone', undefined, errand, 0), as) as Promise<T>;
  }

  /** Whether calls are under way that a write on the key would wait for. */
  isBusy(key: string): boolean {
    return this.#order.isBusy(key);
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#open > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #operation(kind: OperationKind, key: string | undefined, input: unknown, size: number): Operation {
    return new Operation(kind, key, input, this.#options.deadlines.next(), size);
  }

  #admit(operation: Operation, as: 'read' | 'write' | 'barrier' = 'write'): Promise<unknown> {
    const weight = weightOf(operation);
    if (this.#open >= MOST_OPEN || this.#text + weight > MOST_TEXT) return Promise.reject(overloaded());
    this.#open += 1;
    this.#text += weight;
    this.#options.deadlines.add(operation);
    if (operation.key === undefined) this.#order.admitMany(operation, as);
    else this.#order.admit(operation, operation.key);
    return operation.promise;
  }

  async #runAlone([operation]: Operation[]): Promise<void> {
    if (operation === undefined) return;
    const { leads, next } = operation;
    try {
      if (!operation.isAbandoned()) {
        await this.#options.ready();
        this.#settle(operation, { value: await (operation.input as Errand<unknown>)(operation.at) });
      } else if (leads) {
        throw timedOut();
      }
    } catch (error) {
      this.#settle(operation, { error });
      if (leads && next !== undefined) this.#settle(next, { error });
    }
    this.#over(operation);
  }

  async #runTogether(kind: RequestKind, taken: readonly Operation[]): Promise<void> {
    const operations: Operation[] = [];
    for (const operation of taken) {
      if (operation.isAbandoned()) this.#over(operation);
      else operations.push(operation);
    }
    if (operations.length === 0) return;
    for (const operation of operations) operation.sent = true;
    const { outcomes, rest } = await this.#perform(kind, operations);
    for (let i = 0; i < operations.length; i++) {
      const outcome = outcomes[i];
      if (outcome !== undefined) this.#end(operations[i] as Operation, outcome);
    }
    if (rest === undefined) return;
    // They stay in flight, so that later calls on their keys come after them.
    const unfinished = new Set(operations.filter((_, i) => outcomes[i] === undefined));
    const at = (index: number) => operations[index] as Operation;
    await rest(
      (index) => !at(index).isAbandoned(),
      (index, outcome) => {
        if (unfinished.delete(at(index))) this.#end(at(index), outcome);
      },
    );
    for (const operation of unfinished) this.#over(operation);
  }

  async #perform(kind: RequestKind, operations: readonly Operation[]): Promise<Performed> {
    const { ready, perform } = this.#options;
    try {
      const waiting = ready();
      if (waiting !== undefined) await waiting;
    } catch (error) {
      return { outcomes: operations.map(() => ({ error: anotherOf(error) })) };
    }
    let at = 0;
    for (const { lastAt } of operations) at = Math.max(at, lastAt);
    return perform(
      kind,
      operations.map(({ input }) => input as Inputs[RequestKind]),
      at,
    );
  }

  #end(operation: Operation, outcome: Outcome<unknown>): void {
    this.#settle(operation, outcome);
    this.#over(operation);
  }

  #settle(operation: Operation, outcome: Outcome<unknown>): void {
    this.#tell(operation, outcome);
    if (operation.sharers === undefined) return;
    // A framework may write into the error that it is given.
    const same = () => ('value' in outcome ? outcome : { error: anotherOf(outcome.error) });
    for (const sharer of operation.sharers) this.#tell(sharer, same());
  }

  #tell(operation: Operation, outcome: Outcome<unknown>): void {
    if (operation.settled) return;
    this.#options.deadlines.delete(operation);
    if ('value' in outcome) operation.resolve(outcome.value);
    else operation.reject(outcome.error);
  }

  #over(operation: Operation): void {
    this.#open -= operation.calls;
    this.#text -= weightOf(operation);
    this.#order.over(operation);
    if (this.#open > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** No session weighs so much that it alone is too much, or that no other goes beside it. */
function weightOf({ size }: Operation): number {
  return Math.min(size, MOST_TEXT / 2);
}

function overloaded(): KssError {
  return new KssError(
    'OVERLOADED',
    'Too many calls wait for the database, so this one was not taken; nothing was changed. Look at what holds the database up.',
  );
}
