import type { Operation } from './operation.js';

/**
 * The order of operations: of one key, one is in flight, and the others wait in the order of the calls; what concerns many keys
 * waits for the writes that were called before it.
 */
export class Order {
  readonly #start: (operation: Operation) => void;
  readonly #shares: boolean;
  /** The last operation of each key that has any. */
  readonly #last = new Map<string, Operation>();
  readonly #writes = new Set<Operation>();
  #barrier: Operation | undefined;

  /**
   * @param start takes an operation whose turn it is
   * @param shares whether reads of a key that wait side by side become one; what they get is shared too, so that each caller
   *   must make its own object of it
   */
  constructor(start: (operation: Operation) => void, shares: boolean) {
    this.#start = start;
    this.#shares = shares;
  }

  /** Takes an operation on a key in; starts it when those called before it on the same key are over. */
  admit(operation: Operation, key: string): void {
    const read = operation.kind === 'read';
    if (!read) {
      this.#writes.add(operation);
      if (this.#barrier !== undefined) wait(operation, this.#barrier);
    }
    const last = this.#last.get(key);
    if (last === undefined) {
      this.#last.set(key, operation);
      if (operation.waits === 0) this.#start(operation);
    } else if (read && this.#shares && last.kind === 'read' && !last.sent) {
      last.sharers ??= [];
      last.sharers.push(operation);
    } else {
      operation.waits += 1;
      last.next = operation;
      this.#last.set(key, operation);
    }
  }

  /**
   * Takes an operation on many keys in; starts it when all writes called so far are over, whatever their outcome.
   *
   * @param as a write is waited for by those on many keys that come later; a barrier by every write that comes later
   */
  admitMany(operation: Operation, as: 'read' | 'write' | 'barrier'): void {
    for (const write of this.#writes) wait(operation, write);
    if (as !== 'read') this.#writes.add(operation);
    if (as === 'barrier') this.#barrier = operation;
    if (operation.waits === 0) this.#start(operation);
  }

  /** Whether operations of the key, or one that its writes wait for, are under way. */
  isBusy(key: string): boolean {
    return this.#barrier !== undefined || this.#last.has(key);
  }

  /** Lets go on what waited for an operation. */
  over(operation: Operation): void {
    if (operation.kind !== 'read') this.#writes.delete(operation);
    if (operation === this.#barrier) this.#barrier = undefined;
    const { key, next, followers } = operation;
    if (next !== undefined) this.#release(next);
    else if (key !== undefined && this.#last.get(key) === operation) this.#last.delete(key);
    if (followers !== undefined) for (const follower of followers) this.#release(follower);
  }

  #release(operation: Operation): void {
    operation.waits -= 1;
    if (operation.waits === 0) this.#start(operation);
  }
}

function wait(operation: Operation, until: Operation): void {
  operation.waits += 1;
  until.followers ??= [];
  until.followers.push(operation);
}
