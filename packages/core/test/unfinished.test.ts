import { expect, it } from 'vitest';
import { Calls } from '../src/calls.js';
import { Deadlines } from '../src/deadline.js';
import { failure } from './failure.js';

it('what is still to be done for a call is left undone where its time is over before its turn comes', async () => {
  const finished: unknown[] = [];
  const calls = new Calls({
    deadlines: new Deadlines(50),
    slots: 1,
    shares: true,
    most: () => 10,
    ready: () => undefined,
    perform: async (_, inputs) =>
      inputs.map((input) => async () => {
        finished.push(input);
        await new Promise((resolve) => setTimeout(resolve, 200));
        return { value: true };
      }),
  });
  const touched = ['a', 'b'].map((key) => calls.request('touch', key, { key, expireAt: 1 }, 0));
  for (const one of touched) await expect(one).rejects.toEqual(failure('TIMEOUT'));
  await calls.idle();
  expect(finished).toStrictEqual([{ key: 'a', expireAt: 1 }]);
});
