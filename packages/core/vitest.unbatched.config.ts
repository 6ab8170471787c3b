import { mergeConfig } from 'vitest/config';

// How the verbs meet the table is the driver's matter in both modes, and the whole suite runs on every driver.
process.env.KSS_TEST_BATCH = 'off';
process.env.KSS_TEST_VARIANTS = '';
const { default: config } = await import('./vitest.config.ts');

const CONTRACT = [
  ...['unbatched', 'save', 'update', 'conflict', 'expiry-verbs', 'far-expiry', 'touch-after', 'search', 'gc'],
  ...['hash-sid', 'odd-sids', 'encryption', 'session-contents', 'foreign-rows'],
  ...['column-types', 'column-values', 'column-refusals', 'unique-columns', 'database-refusals', 'error-values'],
  ...['outage', 'many-pools'],
];

/** The contract of the verbs with `batch: false`, on every database through one driver; the report stands beside that of the other mode. */
export default mergeConfig(config, {
  test: {
    include: CONTRACT.map((name) => `test/${name}.test.ts`),
    outputFile: { json: 'test-report-unbatched.json' },
  },
});
