import { mergeConfig } from 'vitest/config';
import base from '../vitest.base.ts';

// One scenario at a time: each needs the machine for its load, and each has servers of its own.
export default mergeConfig(base, {
  test: { fileParallelism: false, testTimeout: 300_000, hookTimeout: 120_000, globalSetup: './src/home.ts' },
});
