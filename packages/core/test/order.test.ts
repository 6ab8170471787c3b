import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Order } from '../src/order.js';

type Kind = 'read' | 'write';

interface Call {
  readonly key: string;
  readonly kind: Kind;
  /** In what place among all starts it was started itself. */
  started?: number;
  outcome?: { readonly value?: unknown; readonly error?: unknown };
}

/** An operation that was started and waits to be told how it ends. */
interface Open {
  readonly call: Call;
  finish(fails: boolean): void;
}

const later = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Calls operations and ends them in any order, while it sees what is in flight. */
class Bench {
  readonly order = new Order();
  readonly calls: Call[] = [];
  readonly open: Open[] = [];
  most = 0;
  #starts = 0;

  call(key: string, kind: Kind): Call {
    const call: Call = { key, kind };
    this.calls.push(call);
    const start = () =>
      new Promise<unknown>((resolve, reject) => {
        call.started = this.#starts++;
        const finish = (fails: boolean) => {
          this.open.splice(this.open.indexOf(open), 1);
          if (fails) reject(call);
          else resolve(call);
        };
        const open = { call, finish };
        this.open.push(open);
        this.most = Math.max(this.most, this.open.filter((other) => other.call.key === key).length);
      });
    this.order.run(key, kind, start).then(
      (value) => {
        call.outcome = { value };
      },
      (error) => {
        call.outcome = { error };
      },
    );
    return call;
  }

  async finish(at: number, fails: boolean): Promise<void> {
    this.open[at % this.open.length]?.finish(fails);
    await later();
  }

  async drain(): Promise<void> {
    for (let left = this.calls.length; this.open.length > 0 && left >= 0; left--) await this.finish(0, false);
  }
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ key: fc.constantFrom('a', 'b'), kind: fc.constantFrom<Kind>('read', 'write') }) },
  { weight: 2, arbitrary: fc.record({ at: fc.nat({ max: 1 }), fails: fc.boolean() }) },
);

describe('the order of operations', () => {
  it('holds for each key under any interleaving of calls, ends and failures', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const bench = new Bench();
        for (const one of steps) {
          if ('key' in one) bench.call(one.key, one.kind);
          else await bench.finish(one.at, one.fails);
        }
        await bench.drain();

        expect(bench.most).toBeLessThanOrEqual(1);
        for (const key of ['a', 'b']) {
          const lane = bench.calls.filter((call) => call.key === key);
          const starts = lane.flatMap(({ started }) => (started === undefined ? [] : [started]));
          expect(starts).toStrictEqual(starts.toSorted((one, other) => one - other));
          for (const [at, call] of lane.entries()) {
            // Each hears of the operation that ran for it, be it a success or a failure: its own, or one of reads side by side.
            const ran = (call.outcome?.value ?? call.outcome?.error) as Call;
            if (call.started !== undefined) expect(ran).toBe(call);
            expect(ran.started).toBeDefined();
            const [from, to] = [at, lane.indexOf(ran)].sort((one, other) => one - other);
            const between = lane.slice(from, (to ?? -1) + 1);
            expect(between.length === 1 || between.every(({ kind }) => kind === 'read')).toBe(true);
          }
        }
      }),
    );
  });

  it('starts an operation at once where none of its key is in flight', () => {
    const bench = new Bench();
    expect(bench.call('a', 'write').started).toBe(0);
    expect(bench.call('b', 'read').started).toBe(1);
    expect(bench.call('a', 'write').started).toBeUndefined();
  });

  it('lets reads that wait together share one start, and no write between', async () => {
    const bench = new Bench();
    const [write, one, other, after, last] = (['write', 'read', 'read', 'write', 'read'] as const).map((kind) =>
      bench.call('a', kind),
    );
    await bench.drain();
    expect([write, after, last].map((call) => call?.started)).toStrictEqual([0, 2, 3]);
    expect([one, other].map((call) => call?.started).filter((started) => started !== undefined)).toStrictEqual([1]);
    expect(other?.outcome).toStrictEqual(one?.outcome);
  });

  it('does not let a read join one that has started: it may be older than a write of another process', async () => {
    const bench = new Bench();
    bench.call('a', 'read');
    const second = bench.call('a', 'read');
    expect(second.started).toBeUndefined();
    await bench.drain();
    expect(second.started).toBe(1);
  });

  it('goes on after a failure, which only its own caller hears', async () => {
    const bench = new Bench();
    const [first, second] = [bench.call('a', 'write'), bench.call('a', 'write')];
    await bench.finish(0, true);
    expect(first.outcome).toStrictEqual({ error: first });
    await bench.finish(0, false);
    expect(second.outcome).toStrictEqual({ value: second });
    expect(bench.call('a', 'write').started).toBe(2);
  });
});

describe('what waits for the writes', () => {
  it('waits for those called so far, under way or not, whatever their outcome', async () => {
    const bench = new Bench();
    bench.call('a', 'write');
    bench.call('a', 'write');
    bench.call('b', 'write');
    let written = false;
    const waiting = bench.order.afterWrites(async () => {
      written = true;
    });
    bench.call('c', 'write');
    await bench.finish(0, true);
    await bench.finish(0, false);
    expect(written).toBe(false);
    while (bench.open.some(({ call }) => call.key !== 'c')) {
      await bench.finish(
        bench.open.findIndex(({ call }) => call.key !== 'c'),
        false,
      );
    }
    await waiting;
    expect(bench.open.map(({ call }) => call.key)).toStrictEqual(['c']);
  });

  it('does not wait for reads', async () => {
    const bench = new Bench();
    bench.call('a', 'read');
    await bench.order.afterWrites(async () => {});
    expect(bench.open).toHaveLength(1);
  });
});

describe('a write on all keys', () => {
  it('comes after the writes called before it, and before those called after it', async () => {
    const bench = new Bench();
    bench.call('a', 'write');
    let ended = false;
    const between = bench.order.betweenWrites(async () => {
      ended = true;
    });
    bench.call('b', 'write');
    bench.call('c', 'read');
    expect(bench.open.map(({ call }) => call.key)).toStrictEqual(['a', 'c']);
    expect(ended).toBe(false);
    await bench.finish(0, false);
    await between;
    await expect.poll(() => bench.open.map(({ call }) => call.key)).toContain('b');
  });
});
