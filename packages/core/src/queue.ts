import type { Operation, OperationKind } from './operation.js';

const KINDS: readonly OperationKind[] = ['read', 'upsert', 'update', 'touch', 'remove', 'alone'];

/** Characters of JSON text in one statement, more or less: large sessions go in small company. */
export const MOST_TEXT = 1_000_000;

/**
 * What waits for a statement, by kind. Once in a turn of the event loop it hands out what has gathered: at most so many
 * operations at once, of one kind, the kinds by turns, and no more statements at once than there are slots. Where nothing is
 * sent yet, it does so when the code that runs has ended: what comes meanwhile gathers behind that statement.
 */
export class Queue {
  readonly #waiting: Readonly<Record<OperationKind, Operation[]>> = {
    read: [],
    upsert: [],
    update: [],
    touch: [],
    remove: [],
    alone: [],
  };
  readonly #send: (kind: OperationKind, operations: Operation[]) => Promise<void>;
  readonly #most: (kind: OperationKind) => number;
  readonly #slots: number;
  readonly #drainNow = () => this.#drain();
  readonly #turn = () => {
    this.#turned = true;
  };
  #free: number;
  #next = 0;
  /** Whether the event loop turned since something was sent at once. */
  #turned = true;
  #scheduled = false;
  #size = 0;

  /**
   * @param send does what the operations want, and never rejects
   * @param slots how many sends at once
   * @param most how many operations of a kind in one
   */
  constructor(
    send: (kind: OperationKind, operations: Operation[]) => Promise<void>,
    slots: number,
    most: (kind: OperationKind) => number,
  ) {
    this.#send = send;
    this.#free = slots;
    this.#slots = slots;
    this.#most = most;
  }

  push(operation: Operation): void {
    this.#waiting[operation.kind].push(operation);
    this.#size += 1;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#free === 0) return;
    this.#scheduled = true;
    if (this.#free < this.#slots || !this.#turned) {
      setImmediate(this.#drainNow);
      return;
    }
    // A turn that nothing else needs takes a single caller a fifth of its time. But only once in a turn: what answers from this
    // very process would keep the loop from turning at all.
    this.#turned = false;
    process.nextTick(this.#drainNow);
    setImmediate(this.#turn).unref();
  }

  #drain(): void {
    this.#scheduled = false;
    while (this.#free > 0 && this.#size > 0) {
      const kind = this.#nextKind();
      const operations = this.#take(this.#waiting[kind], this.#most(kind));
      this.#size -= operations.length;
      this.#free -= 1;
      void this.#send(kind, operations).then(() => {
        this.#free += 1;
        if (this.#size > 0) this.#schedule();
      });
    }
  }

  #nextKind(): OperationKind {
    for (;;) {
      const kind = KINDS[this.#next] as OperationKind;
      this.#next = (this.#next + 1) % KINDS.length;
      if (this.#waiting[kind].length > 0) return kind;
    }
  }

  #take(waiting: Operation[], most: number): Operation[] {
    let taken = 0;
    for (let text = 0; taken < Math.min(most, waiting.length); taken++) {
      text += (waiting[taken] as Operation).size;
      if (taken > 0 && text > MOST_TEXT) break;
    }
    return waiting.splice(0, taken);
  }
}
