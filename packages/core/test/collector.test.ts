import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Collector } from '../src/collector.js';

const INTERVAL = 60_000;

describe('the timer of the collector', () => {
  let collector: Collector | undefined;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  });
  afterEach(() => {
    collector?.stop();
    vi.useRealTimers();
  });

  it('collects again and again, each time after 50 to 150 % of the interval', async () => {
    const at: number[] = [Date.now()];
    collector = new Collector(async () => at.push(Date.now()), INTERVAL, 0);
    while (at.length <= 300) await vi.advanceTimersToNextTimerAsync();
    const waits = at.slice(1).map((instant, i) => (instant - (at[i] ?? 0)) / INTERVAL);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0.5);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1.5);
    // Of 300 even chances, none below 70 % or none above 130 % is out of the question.
    expect(Math.min(...waits)).toBeLessThan(0.7);
    expect(Math.max(...waits)).toBeGreaterThan(1.3);
  });

  it('never overlaps a collection with another, by time or by reads', async () => {
    let [running, most, finished] = [0, 0, 0];
    const collect = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 10 * INTERVAL));
      running -= 1;
      finished += 1;
    };
    collector = new Collector(collect, INTERVAL, 1);
    for (let turn = 0; turn < 200; turn++) {
      collector.sawRead();
      await vi.advanceTimersByTimeAsync(INTERVAL / 2);
    }
    expect(finished).toBeGreaterThan(3);
    expect(most).toBe(1);
  });

  it('leaves alone what expired less than ten minutes ago', async () => {
    const befores: number[] = [];
    collector = new Collector(async (before) => befores.push(Date.now() - before), INTERVAL, 1);
    collector.sawRead();
    await vi.advanceTimersByTimeAsync(3 * INTERVAL);
    expect(befores.length).toBeGreaterThan(2);
    expect(new Set(befores)).toEqual(new Set([600_000]));
  });

  it.each([0])('does not run where the interval is %d', async (interval) => {
    const collect = vi.fn(async () => {});
    collector = new Collector(collect, interval, 0);
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(100 * INTERVAL);
    expect(collect).not.toHaveBeenCalled();
  });

  it.each([2 ** 31, 1e15, Number.MAX_VALUE, Number.POSITIVE_INFINITY])(
    'does not run at once where the interval is beyond a timer: %d',
    async (interval) => {
      const collect = vi.fn(async () => {});
      collector = new Collector(collect, interval, 0);
      await vi.advanceTimersByTimeAsync(INTERVAL);
      expect(collect).not.toHaveBeenCalled();
      expect(vi.getTimerCount()).toBe(1);
    },
  );

  it('stops, and starts nothing that was stopped before it began', async () => {
    const collect = vi.fn(async () => {});
    collector = new Collector(collect, INTERVAL, 1);
    collector.stop();
    collector.sawRead();
    await vi.advanceTimersByTimeAsync(100 * INTERVAL);
    expect(collect).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('stays stopped where it is stopped in the middle of a collection', async () => {
    let end = () => {};
    const collect = vi.fn(
      () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
    );
    collector = new Collector(collect, INTERVAL, 0);
    await vi.advanceTimersByTimeAsync(2 * INTERVAL);
    collector.stop();
    end();
    await vi.advanceTimersByTimeAsync(100 * INTERVAL);
    expect(collect).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('holds no process alive', () => {
    vi.useRealTimers();
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    collector = new Collector(async () => {}, INTERVAL, 0);
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')).toHaveLength(before);
  });

  it.each([
    [0, 0, 0],
    [1, 10_000, 10_000],
    [10, 700, 1300], // ten standard deviations
  ])('collects after about %d reads', async (frequency, least, most) => {
    const collect = vi.fn(async () => {});
    collector = new Collector(collect, 0, frequency);
    for (let read = 0; read < 10_000; read++) {
      collector.sawRead();
      await Promise.resolve();
      await Promise.resolve();
      await Promise.resolve();
    }
    expect(collect.mock.calls.length).toBeGreaterThanOrEqual(least);
    expect(collect.mock.calls.length).toBeLessThanOrEqual(most);
  });
});
