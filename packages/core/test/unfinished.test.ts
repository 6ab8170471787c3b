import { expect, it } from 'vitest';
import { Calls } from '../src/calls.js';
import { Deadlines } from '../src/deadline.js';
import type { Inputs } from '../src/requests.js';
import { failure } from './failure.js';

type Told = readonly [key: string, value: boolean];

/** Touches of which each is still to be done when they were sent together, one after the other. */
function callsOf(time: number, took: number, finished: string[]) {
  return new Calls({
    deadlines: new Deadlines(time),
    slots: 1,
    shares: true,
    most: () => 10,
    ready: () => undefined,
    perform: async (_, inputs) => ({
      outcomes: inputs.map(() => undefined),
      async rest(waits, tell) {
        for (const [i, input] of inputs.entries()) {
          if (!waits(i)) continue;
          finished.push((input as Inputs['touch']).key);
          await new Promise((resolve) => setTimeout(resolve, took));
          tell(i, { value: true });
        }
      },
    }),
  });
}

it('what is still to be done for a call is left undone where its time is over before its turn comes', async () => {
  const finished: string[] = [];
  const calls = callsOf(50, 200, finished);
  const touched = ['a', 'b'].map((key) => calls.request('touch', key, { key, expireAt: 1 }, 0));
  for (const one of touched) await expect(one).rejects.toEqual(failure('TIMEOUT'));
  await calls.idle();
  expect(finished).toStrictEqual(['a']);
});

it('each call is told as soon as what was to be done for it is done, and later calls on its key go on then', async () => {
  const finished: string[] = [];
  const calls = callsOf(5000, 20, finished);
  const told: Told[] = [];
  const touch = async (key: string) => {
    told.push([key, await calls.request('touch', key, { key, expireAt: 1 }, 0)]);
  };
  await Promise.all(['a', 'b', 'a'].map(touch));
  expect(told).toStrictEqual([
    ['a', true],
    ['b', true],
    ['a', true],
  ]);
  expect(finished).toStrictEqual(['a', 'b', 'a']);
  await calls.idle();
});
