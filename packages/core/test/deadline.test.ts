import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadlines, timedOut } from '../src/deadline.js';

const TIME = 1000;
const TIMEOUT = expect.objectContaining({ name: 'KssError', code: 'TIMEOUT' });

/** A promise that is settled from outside. */
function work() {
  let settle = { resolve: (_: string) => {}, reject: (_: Error) => {} };
  const promise = new Promise<string>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle };
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

  /** Makes a call now; `state` tells how it ended. */
  function call() {
    const { promise, resolve, reject } = work();
    const state = { value: undefined as unknown, error: undefined as unknown, settled: 0 };
    deadlines.within(deadlines.next(), promise).then(
      (value) => Object.assign(state, { value, settled: state.settled + 1 }),
      (error) => Object.assign(state, { error, settled: state.settled + 1 }),
    );
    return { resolve, reject, state };
  }

  it('lets a call end as its work does', async () => {
    const [good, bad] = [call(), call()];
    const error = new Error('no');
    good.resolve('yes');
    bad.reject(error);
    await vi.advanceTimersByTimeAsync(TIME - 1);
    expect(good.state).toStrictEqual({ value: 'yes', error: undefined, settled: 1 });
    expect(bad.state).toStrictEqual({ value: undefined, error, settled: 1 });
    await vi.advanceTimersByTimeAsync(10 * TIME);
    expect([good.state.settled, bad.state.settled]).toStrictEqual([1, 1]);
  });

  it('ends a call whose work does not', async () => {
    const { state } = call();
    await vi.advanceTimersByTimeAsync(TIME - 1);
    expect(state.settled).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(state.error).toStrictEqual(TIMEOUT);
    expect((state.error as Error).message).toContain(`${TIME} ms`);
  });

  it('ends each call at its own time', async () => {
    const first = call();
    await vi.advanceTimersByTimeAsync(TIME / 2);
    const [second, done] = [call(), call()];
    await vi.advanceTimersByTimeAsync(TIME / 4);
    done.resolve('yes');
    const third = call();
    await vi.advanceTimersByTimeAsync(TIME / 4);
    expect([first, second, third].map(({ state }) => state.settled)).toStrictEqual([1, 0, 0]);
    await vi.advanceTimersByTimeAsync(TIME / 2);
    expect([first, second, third].map(({ state }) => state.settled)).toStrictEqual([1, 1, 0]);
    await vi.advanceTimersByTimeAsync(TIME / 4);
    expect(third.state.error).toStrictEqual(TIMEOUT);
    expect(done.state.value).toBe('yes');
  });

  it('holds for a call that is made after all others are over', async () => {
    call().resolve('yes');
    await vi.advanceTimersByTimeAsync(5 * TIME);
    const { state } = call();
    await vi.advanceTimersByTimeAsync(TIME);
    expect(state.error).toStrictEqual(TIMEOUT);
  });

  it('hears nothing of what the work does later', async () => {
    const [late, lost] = [call(), call()];
    await vi.advanceTimersByTimeAsync(TIME);
    late.resolve('late');
    lost.reject(new Error('lost')); // an unhandled rejection would fail the run
    await vi.advanceTimersByTimeAsync(TIME);
    expect(late.state).toStrictEqual({ value: undefined, error: TIMEOUT, settled: 1 });
    expect(lost.state).toStrictEqual({ value: undefined, error: TIMEOUT, settled: 1 });
  });

  it('needs one timer, however many calls there are', () => {
    for (let i = 0; i < 100; i++) call();
    expect(vi.getTimerCount()).toBe(1);
  });

  it('holds no process alive', () => {
    vi.useRealTimers();
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const { state } = call();
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')).toHaveLength(before);
    expect(state.settled).toBe(0);
  });
});

describe('the error of a deadline', () => {
  it('says that the outcome is unknown, and the time where there is one', () => {
    expect(timedOut(250).message).toMatch(/250 ms.*unknown/);
    expect(timedOut()).toMatchObject({ code: 'TIMEOUT', message: expect.stringMatching(/in time.*unknown/) });
  });
});
