import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadlines, type Expiring, timedOut } from '../src/deadline.js';
import type { KssError } from '../src/errors.js';
import { Operation } from '../src/operation.js';

const TIME = 1000;
const TIMEOUT = expect.objectContaining({ name: 'KssError', code: 'TIMEOUT' });

interface Call extends Expiring {
  readonly errors: KssError[];
}

describe('a deadline', () => {
  let deadlines: Deadlines;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
    deadlines = new Deadlines(TIME);
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  /** Something that ends at the time of what was called at `at`. */
  function called(at = deadlines.next()): Call {
    const errors: KssError[] = [];
    const call = {
      at,
      errors,
      expire: (error: KssError) => void errors.push(error),
      earlier: undefined,
      later: undefined,
    };
    deadlines.add(call);
    return call;
  }
  const ended = (...calls: readonly Call[]) => calls.map(({ errors }) => errors.length);

  it('ends a call at its time, once', () => {
    const call = called();
    vi.advanceTimersByTime(TIME - 1);
    expect(ended(call)).toStrictEqual([0]);
    vi.advanceTimersByTime(1);
    expect(call.errors).toStrictEqual([TIMEOUT]);
    expect(call.errors[0]?.message).toContain(`${TIME} ms`);
    vi.advanceTimersByTime(10 * TIME);
    expect(ended(call)).toStrictEqual([1]);
  });

  it('leaves a call alone that was taken out', () => {
    const [done, other] = [called(), called()];
    vi.advanceTimersByTime(TIME - 1);
    deadlines.delete(done);
    vi.advanceTimersByTime(10 * TIME);
    expect(ended(done, other)).toStrictEqual([0, 1]);
  });

  it('ends each call at its own time', () => {
    const first = called();
    vi.advanceTimersByTime(TIME / 2);
    const [second, done] = [called(), called()];
    vi.advanceTimersByTime(TIME / 4);
    deadlines.delete(done);
    const third = called();
    vi.advanceTimersByTime(TIME / 4);
    expect(ended(first, second, third)).toStrictEqual([1, 0, 0]);
    vi.advanceTimersByTime(TIME / 2 - 1);
    expect(ended(first, second, third)).toStrictEqual([1, 0, 0]);
    vi.advanceTimersByTime(1);
    expect(ended(first, second, third)).toStrictEqual([1, 1, 0]);
    vi.advanceTimersByTime(TIME / 4);
    expect(ended(first, second, third, done)).toStrictEqual([1, 1, 1, 0]);
  });

  it('gives those that end together an error each: a framework may write into the one that it is given', () => {
    const [one, other] = [called(), called()];
    vi.advanceTimersByTime(TIME);
    expect(one.errors).toStrictEqual([TIMEOUT]);
    expect(other.errors).toStrictEqual([TIMEOUT]);
    expect(one.errors[0]).not.toBe(other.errors[0]);
  });

  it('holds for a statement, which is added later and has the time of its call', () => {
    const call = called();
    vi.advanceTimersByTime(TIME / 2);
    called();
    const statement = called(call.at);
    vi.advanceTimersByTime(TIME / 2);
    expect(ended(call, statement)).toStrictEqual([1, 1]);
  });

  it('holds for a call that is made after all others are over', () => {
    deadlines.delete(called());
    vi.advanceTimersByTime(5 * TIME);
    const late = called();
    vi.advanceTimersByTime(TIME - 1);
    expect(ended(late)).toStrictEqual([0]);
    vi.advanceTimersByTime(1);
    expect(ended(late)).toStrictEqual([1]);
  });

  it('does not end those early that come while another sweep is due', () => {
    const gone = called();
    deadlines.delete(gone);
    vi.advanceTimersByTime(TIME - 1);
    const late = called();
    vi.advanceTimersByTime(TIME - 1);
    expect(ended(gone, late)).toStrictEqual([0, 0]);
    vi.advanceTimersByTime(2);
    expect(ended(gone, late)).toStrictEqual([0, 1]);
  });

  it('bears with what is taken out or added while it ends others', () => {
    const more: Call[] = [];
    const errors: KssError[] = [];
    const meddler = {
      at: deadlines.next(),
      expire(error: KssError) {
        errors.push(error);
        deadlines.delete(bystander);
        more.push(called());
      },
      earlier: undefined,
      later: undefined,
    };
    deadlines.add(meddler);
    const bystander = called();
    vi.advanceTimersByTime(TIME);
    expect([errors.length, ...ended(bystander, ...more)]).toStrictEqual([1, 0, 0]);
    vi.advanceTimersByTime(TIME);
    expect([errors.length, ...ended(bystander, ...more)]).toStrictEqual([1, 0, 1]);
  });

  it('goes by a clock that nobody sets', () => {
    const call = called();
    vi.setSystemTime(Date.now() + 100 * TIME);
    vi.advanceTimersByTime(TIME - 1);
    expect(ended(call)).toStrictEqual([0]);
    vi.setSystemTime(0);
    vi.advanceTimersByTime(1);
    expect(ended(call)).toStrictEqual([1]);
  });

  it('needs one timer, however many calls there are', () => {
    for (let i = 0; i < 100; i++) called();
    expect(vi.getTimerCount()).toBe(1);
  });

  it('holds no process alive', () => {
    vi.useRealTimers();
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const call = called();
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')).toHaveLength(before);
    expect(ended(call)).toStrictEqual([0]);
  });
});

describe('a call that its deadline ends', () => {
  it('hears nothing of what its statement does later', async () => {
    const error = timedOut(TIME);
    const [late, lost] = [1, 2].map(() => new Operation('read', 'a', 'a', 0, 0));
    for (const operation of [late, lost]) operation?.expire(error);
    late?.resolve('late');
    lost?.reject(new Error('lost'));
    await expect(late?.promise).rejects.toBe(error);
    await expect(lost?.promise).rejects.toBe(error);
  });

  it('is abandoned when no other read goes with it', () => {
    const [operation, sharer] = [1, 2].map(() => new Operation('read', 'a', 'a', 0, 0)) as [Operation, Operation];
    operation.sharers = [sharer];
    for (const { promise } of [operation, sharer]) promise.catch(() => {});
    operation.expire(timedOut());
    expect(operation.isAbandoned()).toBe(false);
    sharer.expire(timedOut());
    expect(operation.isAbandoned()).toBe(true);
  });
});

describe('the error of a deadline', () => {
  it('says that the outcome is unknown, and the time where there is one', () => {
    expect(timedOut(250).message).toMatch(/250 ms.*unknown/);
    expect(timedOut()).toMatchObject({ code: 'TIMEOUT', message: expect.stringMatching(/in time.*unknown/) });
  });
});
