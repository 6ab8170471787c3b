import { mergeConfig } from 'vitest/config';
import base from '../vitest.base.ts';

// A million cases take longer than a test of one case.
export default mergeConfig(base, { test: { testTimeout: 1_200_000 } });
