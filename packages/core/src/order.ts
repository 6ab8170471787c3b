/** An operation on one sid. */
interface Operation {
  readonly read: boolean;
  readonly start: () => Promise<unknown>;
  readonly settle: (outcome: Promise<unknown>) => void;
}

/**
 * The order of operations on each key: one in flight, the others wait in the order of the calls.
 *
 * Reads that wait side by side share one start; what they get is shared too, so each caller must make its own object of it.
 */
export class Order {
  readonly #lanes = new Map<string, Operation[]>();
  readonly #writes = new Set<Promise<unknown>>();
  #barrier: Promise<void> | undefined;

  /** Starts the operation when those called before it on the same key are over. */
  run<T>(key: string, kind: 'read' | 'write', begin: () => Promise<T>): Promise<T> {
    const barrier = kind === 'write' ? this.#barrier : undefined;
    const start = barrier === undefined ? begin : () => barrier.then(begin);
    const outcome = new Promise<T>((resolve) => {
      const operation: Operation = { read: kind === 'read', start, settle: resolve as Operation['settle'] };
      const lane = this.#lanes.get(key);
      if (lane === undefined) {
        this.#lanes.set(key, [operation]);
        this.#next(key);
      } else {
        lane.push(operation);
      }
    });
    if (kind === 'write') this.#remember(outcome);
    return outcome;
  }

  /** Starts when all writes called so far are over, whatever their outcome; as a write, it is one of them for those to come. */
  afterWrites<T>(start: () => Promise<T>, kind: 'read' | 'write' = 'read'): Promise<T> {
    const outcome = Promise.allSettled(this.#writes).then(start);
    if (kind === 'write') this.#remember(outcome);
    return outcome;
  }

  /** {@link afterWrites} for a write on all keys, which holds back the writes of single keys that are called after it. */
  betweenWrites<T>(start: () => Promise<T>): Promise<T> {
    const outcome = this.afterWrites(start, 'write');
    const over = outcome.then(
      () => {},
      () => {},
    );
    this.#barrier = over;
    void over.then(() => {
      if (this.#barrier === over) this.#barrier = undefined;
    });
    return outcome;
  }

  #next(key: string): void {
    const lane = this.#lanes.get(key) ?? [];
    const first = lane[0];
    if (first === undefined) {
      this.#lanes.delete(key);
      return;
    }
    const together = first.read ? lane.findIndex((operation) => !operation.read) : 1;
    const started = lane.slice(0, together === -1 ? lane.length : together);
    const outcome = first.start();
    for (const operation of started) operation.settle(outcome);
    const after = () => {
      lane.splice(0, started.length);
      this.#next(key);
    };
    outcome.then(after, after);
  }

  #remember(write: Promise<unknown>): void {
    this.#writes.add(write);
    const forget = () => this.#writes.delete(write);
    write.then(forget, forget);
  }
}
