import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Operation, type OperationKind } from '../src/operation.js';
import { Order } from '../src/order.js';

type As = 'read' | 'write' | 'barrier';

interface Call {
  readonly operation: Operation;
  /** Whether those on many keys wait for it. */
  readonly writes: boolean;
  /** The calls before it that it must wait for, as the design says it. */
  readonly after: readonly Call[];
  /** The read whose statement it shares. */
  readonly carrier: Call | undefined;
  readonly as?: As;
  started: boolean;
  over: boolean;
}

/** Calls operations, sends and ends them in any order, and knows by itself which of them must have started. */
class Bench {
  readonly calls: Call[] = [];
  readonly starts: Operation[] = [];
  readonly order: Order;
  readonly #shares: boolean;

  constructor(shares = true) {
    this.#shares = shares;
    this.order = new Order((operation) => {
      this.starts.push(operation);
      const call = this.calls.find((one) => one.operation === operation);
      if (call !== undefined) call.started = true;
    }, shares);
  }

  call(key: string, kind: OperationKind): Call {
    const own = this.calls.filter((one) => one.operation.key === key && one.carrier === undefined);
    const last = own.at(-1);
    const joins = this.#shares && kind === 'read' && last?.operation.kind === 'read' && !last.over;
    const barriers = kind === 'read' ? [] : this.calls.filter(({ as }) => as === 'barrier');
    const call: Call = {
      operation: new Operation(kind, key, undefined, 0, 0),
      writes: kind !== 'read',
      after: [...own.slice(-1), ...barriers],
      carrier: joins && last?.operation.sent === false ? last : undefined,
      started: false,
      over: false,
    };
    this.calls.push(call);
    this.order.admit(call.operation, key);
    return call;
  }

  callOnMany(as: As): Call {
    const call: Call = {
      operation: new Operation('alone', undefined, undefined, 0, 0),
      writes: as !== 'read',
      after: this.calls.filter(({ writes }) => writes),
      carrier: undefined,
      as,
      started: false,
      over: false,
    };
    this.calls.push(call);
    this.order.admitMany(call.operation, as);
    return call;
  }

  /** Those that started and are not over. */
  get open(): Call[] {
    return this.calls.filter(({ started, over }) => started && !over);
  }

  end(call: Call | undefined): void {
    if (call === undefined) return;
    call.operation.sent = true;
    call.over = true;
    for (const one of this.calls) if (one.carrier === call) one.over = true;
    this.order.over(call.operation);
  }

  drain(): void {
    for (let left = this.calls.length; this.open.length > 0 && left >= 0; left--) this.end(this.open[0]);
  }

  /** What started and must not have, or has not and must. */
  wrong(): unknown[] {
    return this.calls.flatMap((call, at) => {
      const due = call.carrier === undefined && call.after.every(({ over }) => over);
      return call.started === due ? [] : [{ at, kind: call.operation.kind, started: call.started }];
    });
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      key: fc.constantFrom('a', 'b'),
      kind: fc.constantFrom<OperationKind>('read', 'read', 'upsert', 'update', 'touch', 'remove', 'alone'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ as: fc.constantFrom<As>('read', 'write', 'barrier') }) },
  { weight: 2, arbitrary: fc.record({ sends: fc.nat({ max: 2 }) }) },
  { weight: 4, arbitrary: fc.record({ ends: fc.nat({ max: 2 }) }) },
);

describe.each([true, false])('the order of operations, with reads that share: %s', (shares) => {
  it('starts each when those before it are over, under any interleaving of calls, statements and ends', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const bench = new Bench(shares);
        const pick = (at: number) => bench.open[at % bench.open.length];
        for (const one of steps) {
          if ('key' in one) bench.call(one.key, one.kind);
          else if ('as' in one) bench.callOnMany(one.as);
          else if ('ends' in one) bench.end(pick(one.ends));
          else if (bench.open.length > 0) Object.assign(pick(one.sends)?.operation ?? {}, { sent: true });
          expect(bench.wrong()).toStrictEqual([]);
          for (const key of ['a', 'b']) {
            const open = bench.calls.filter(
              ({ operation, as, over }) => (operation.key === key || as === 'barrier') && !over,
            );
            expect(bench.order.isBusy(key)).toBe(open.length > 0);
          }
        }
        bench.drain();
        expect(bench.calls.filter(({ over }) => !over)).toStrictEqual([]);
        expect(new Set(bench.starts).size).toBe(bench.starts.length);
        expect(shares || bench.calls.every(({ operation }) => operation.sharers === undefined)).toBe(true);
        // Each read that shares is with its carrier, and nowhere else.
        for (const call of bench.calls) {
          const mine = bench.calls.filter(({ carrier }) => carrier === call).map(({ operation }) => operation);
          expect(call.operation.sharers ?? []).toStrictEqual(mine);
        }
      }),
    );
  });
});

describe('the order of operations of one key', () => {
  it('starts one at once where none of its key is in flight', () => {
    const bench = new Bench();
    const [one, other, waiting] = [bench.call('a', 'upsert'), bench.call('b', 'read'), bench.call('a', 'upsert')];
    expect([one, other, waiting].map(({ started }) => started)).toStrictEqual([true, true, false]);
  });

  it('lets reads that wait together share one start, and no write between', () => {
    const bench = new Bench();
    const [, one, other, after, last] = (['upsert', 'read', 'read', 'upsert', 'read'] as const).map((kind) =>
      bench.call('a', kind),
    );
    bench.drain();
    expect(bench.starts).toHaveLength(4);
    expect(one?.operation.sharers).toStrictEqual([other?.operation]);
    expect([one, after, last].map((call) => call?.operation.calls)).toStrictEqual([2, 1, 1]);
  });

  it('does not let a read join one whose statement was sent: it may be older than a write of another process', () => {
    const bench = new Bench();
    const first = bench.call('a', 'read');
    expect(bench.call('a', 'read').started).toBe(false);
    expect(first.operation.sharers).toHaveLength(1);
    first.operation.sent = true;
    const second = bench.call('a', 'read');
    expect(first.operation.sharers).toHaveLength(1);
    bench.end(first);
    expect(second.started).toBe(true);
  });
});

describe('an operation on many keys', () => {
  it('waits for the writes called so far, under way or not, and for no read', () => {
    const bench = new Bench();
    const writes = [bench.call('a', 'upsert'), bench.call('a', 'touch'), bench.call('b', 'remove')];
    bench.call('c', 'read');
    const find = bench.callOnMany('read');
    bench.call('d', 'upsert');
    for (const write of writes) {
      expect(find.started).toBe(false);
      bench.end(write);
    }
    expect(find.started).toBe(true);
  });

  it('is waited for by those after it on many keys where it writes, and by no other', () => {
    const bench = new Bench();
    const ending = bench.callOnMany('write');
    expect([bench.callOnMany('read').started, bench.callOnMany('write').started]).toStrictEqual([false, false]);
    expect([bench.call('a', 'upsert').started, bench.call('b', 'read').started]).toStrictEqual([true, true]);
    bench.end(ending);
    expect(bench.calls.filter(({ started }) => !started)).toStrictEqual([]);
  });

  it('holds back the writes called after it where it is a barrier, and lets reads by', () => {
    const bench = new Bench();
    const before = bench.call('a', 'upsert');
    const clear = bench.callOnMany('barrier');
    const write = bench.call('b', 'upsert');
    const read = bench.call('c', 'read');
    expect([clear, write, read].map(({ started }) => started)).toStrictEqual([false, false, true]);
    bench.end(before);
    expect([clear.started, write.started]).toStrictEqual([true, false]);
    bench.end(clear);
    expect(write.started).toBe(true);
  });
});
