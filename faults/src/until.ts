import { sleep } from './mode.js';

/** Waits until something is so; a minute at most. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('It did not come to be within a minute.');
    await sleep(50);
  }
}
