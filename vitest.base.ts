import { defineConfig } from 'vitest/config';

// No test may pass because the machine happens to be in UTC; see also SERVER_ZONE in the test kit.
process.env.TZ = 'America/New_York';

/** How every package runs its tests. The JSON report is what `.ci/run` counts. */
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', 'json'],
    outputFile: { json: 'test-report.json' },
  },
});
