import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Operation, type OperationKind } from '../src/operation.js';
import { Queue } from '../src/queue.js';

const KINDS: readonly OperationKind[] = ['read', 'upsert', 'update', 'touch', 'remove', 'alone'];
/** Until what was asked for in this turn of the event loop is done. */
const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

interface Send {
  readonly kind: OperationKind;
  readonly operations: readonly Operation[];
  end(): void;
}

/** A queue whose sends end when they are told to. */
class Bench {
  readonly sends: Send[] = [];
  readonly open: Send[] = [];
  readonly pushed: Operation[] = [];
  most = 0;
  readonly queue: Queue;

  constructor(slots: number, size: (kind: OperationKind) => number) {
    this.queue = new Queue(
      (kind, operations) =>
        new Promise((resolve) => {
          const send = { kind, operations, end: () => this.#end(send, resolve) };
          this.sends.push(send);
          this.open.push(send);
          this.most = Math.max(this.most, this.open.length);
        }),
      slots,
      size,
    );
  }

  push(kind: OperationKind, times = 1, size = 0): void {
    for (let i = 0; i < times; i++) {
      const operation = new Operation(kind, `k${this.pushed.length}`, undefined, 0, size);
      this.pushed.push(operation);
      this.queue.push(operation);
    }
  }

  /** Ends sends, the first ones first, until there are no more; at most so many turns. */
  async drain(turns = 1000): Promise<void> {
    for (let left = turns; left > 0; left--) {
      await turn();
      if (this.open.length === 0) return;
      this.open[0]?.end();
    }
  }

  sizes(): [OperationKind, number][] {
    return this.sends.map(({ kind, operations }) => [kind, operations.length]);
  }

  #end(send: Send, resolve: () => void): void {
    this.open.splice(this.open.indexOf(send), 1);
    resolve();
  }
}

describe('the queue', () => {
  it('hands out at once, and in their order, what gathers in a turn, by kind', async () => {
    const bench = new Bench(10, () => 100);
    bench.push('read', 3);
    bench.push('upsert', 2);
    await Promise.resolve().then(() => bench.push('read'));
    expect(bench.sends).toHaveLength(0);
    await turn();
    expect(bench.sizes()).toStrictEqual([
      ['read', 4],
      ['upsert', 2],
    ]);
    expect(bench.sends[0]?.operations).toStrictEqual(bench.pushed.filter(({ kind }) => kind === 'read'));
  });

  it('hands out at most so many at once as the kind has', async () => {
    const bench = new Bench(10, (kind) => (kind === 'read' ? 100 : 3));
    bench.push('read', 101);
    bench.push('touch', 7);
    await turn();
    const sizes = bench.sizes();
    expect(sizes.filter(([kind]) => kind === 'read').map(([, size]) => size)).toStrictEqual([100, 1]);
    expect(sizes.filter(([kind]) => kind === 'touch').map(([, size]) => size)).toStrictEqual([3, 3, 1]);
  });

  it('lets large sessions go in small company, and one that is too large for any, alone', async () => {
    const bench = new Bench(20, () => 100);
    bench.push('upsert', 5, 400_000);
    bench.push('upsert', 1, 3_000_000);
    bench.push('upsert', 50, 10_000);
    await turn();
    expect(bench.sizes().map(([, size]) => size)).toStrictEqual([2, 2, 1, 1, 50]);
  });

  it('gathers what comes while all slots are taken', async () => {
    const bench = new Bench(1, () => 100);
    bench.push('read');
    await turn();
    for (let i = 0; i < 5; i++) {
      bench.push('read', 2);
      await turn();
    }
    expect(bench.sizes()).toStrictEqual([['read', 1]]);
    await bench.drain();
    expect(bench.sizes()).toStrictEqual([
      ['read', 1],
      ['read', 10],
    ]);
  });

  it.each(KINDS)('lets a flood of one kind starve none of the others: %s', async (flood) => {
    const bench = new Bench(1, () => 2);
    bench.push(flood, 100);
    await turn();
    const others = KINDS.filter((kind) => kind !== flood);
    for (const kind of others) bench.push(kind);
    const before = bench.sends.length;
    for (let i = 0; i < KINDS.length; i++) {
      bench.push(flood, 5); // more than goes away
      bench.open[0]?.end();
      await turn();
    }
    const kinds = bench.sends.slice(before, before + KINDS.length).map(({ kind }) => kind);
    expect(new Set(kinds)).toStrictEqual(new Set(KINDS));
    await bench.drain();
    expect(bench.sends.flatMap(({ operations }) => operations)).toHaveLength(bench.pushed.length);
  });

  it('sends each once, in the order of its kind, and no more at once than there are slots', async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constantFrom(...KINDS),
        times: fc.integer({ min: 1, max: 8 }),
        size: fc.constantFrom(0, 300_000, 2_000_000),
      }),
      fc.record({ ends: fc.nat({ max: 3 }) }),
      fc.constant('turn' as const),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 30 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 5 }),
        async (steps, slots, size) => {
          const bench = new Bench(slots, (kind) => (kind === 'alone' ? 1 : size));
          for (const one of steps) {
            if (one === 'turn') await turn();
            else if ('ends' in one) bench.open[one.ends % bench.open.length]?.end();
            else bench.push(one.kind, one.times, one.size);
          }
          await bench.drain();
          expect(bench.most).toBeLessThanOrEqual(slots);
          for (const kind of KINDS) {
            const sent = bench.sends.filter((send) => send.kind === kind);
            expect(sent.flatMap(({ operations }) => operations)).toStrictEqual(
              bench.pushed.filter((operation) => operation.kind === kind),
            );
            expect(sent.every(({ operations }) => operations.length <= (kind === 'alone' ? 1 : size))).toBe(true);
          }
        },
      ),
    );
  });
});
