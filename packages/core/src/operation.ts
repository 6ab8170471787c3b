import type { Expiring } from './deadline.js';
import type { KssError } from './errors.js';
import type { RequestKind } from './requests.js';

/** Operations of the same kind go together; `alone`: an errand of its own. */
export type OperationKind = RequestKind | 'alone';

/**
 * One call under way: what it wants, until when, and the promise that its caller waits for.
 *
 * Its promise is settled once, and what comes later is not heard. That it is over is another matter: its statement may still
 * run when its caller was told that the time was up.
 */
export class Operation implements Expiring {
  readonly kind: OperationKind;
  /** The key of its session; undefined for many. */
  readonly key: string | undefined;
  readonly input: unknown;
  /** Its deadline, on the monotonic clock. */
  readonly at: number;
  /** Characters of text that its statement carries. */
  readonly size: number;
  readonly promise: Promise<unknown>;
  /** Reads of the same key that go with this one. */
  sharers: Operation[] | undefined = undefined;
  /** Whether its statement was sent. */
  sent = false;
  /** Whether the next operation on the same key is nothing without it. */
  leads = false;
  settled = false;
  /** The next operation on the same key. */
  next: Operation | undefined = undefined;
  /** Operations that wait until this one is over, of other keys or of many. */
  followers: Operation[] | undefined = undefined;
  /** How many operations this one waits for. */
  waits = 0;
  earlier: Expiring | undefined = undefined;
  later: Expiring | undefined = undefined;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;

  constructor(kind: OperationKind, key: string | undefined, input: unknown, at: number, size: number) {
    this.kind = kind;
    this.key = key;
    this.input = input;
    this.at = at;
    this.size = size;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  resolve(value: unknown): void {
    this.settled = true;
    this.#resolve(value);
  }

  reject(error: unknown): void {
    this.settled = true;
    this.#reject(error);
  }

  /** The time is up. */
  expire(error: KssError): void {
    this.reject(error);
  }

  /** How many calls it is: itself, and the reads that go with it. */
  get calls(): number {
    return 1 + (this.sharers?.length ?? 0);
  }

  /** When the last of its calls is over, on the monotonic clock. */
  get lastAt(): number {
    let last = this.at;
    if (this.sharers !== undefined) for (const { at } of this.sharers) last = Math.max(last, at);
    return last;
  }

  /** Whether nobody waits for it any more. */
  isAbandoned(): boolean {
    return this.settled && (this.sharers === undefined || this.sharers.every(({ settled }) => settled));
  }
}
