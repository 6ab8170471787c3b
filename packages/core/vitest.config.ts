import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { mergeConfig, type ViteUserConfig } from 'vitest/config';
import base from '../../vitest.base.ts';

// With KSS_TEST_BUILT=1 the doors are those of the built package, run by Node itself, for suites that use nothing else.
const BUILT = fileURLToPath(new URL('dist/', import.meta.url));
const built = {
  resolve: {
    alias: [
      { find: /^\.\.\/src\/(index|adapter)\.js$/, replacement: `${BUILT}$1.js` },
      { find: /^\.\.\/src\/takeover\/index\.js$/, replacement: `${BUILT}takeover.js` },
      { find: /^.*\/core\/src\/node-sqlite\.js$/, replacement: `${BUILT}index.js` },
    ],
  },
  test: { server: { deps: { external: [/\/packages\/core\/dist\//] } } },
};

const testBuilt = process.env.KSS_TEST_BUILT === '1';
if (testBuilt && !existsSync(`${BUILT}index.js`)) throw new Error(`Nothing is built in ${BUILT}: run pnpm build.`);

// With KSS_TEST_BATCH=off a store that is not told otherwise sends one statement for one call; the suites that are left
// out ask how calls go together, or what the door itself is.
const UNBATCHED = fileURLToPath(new URL('test/unbatched.ts', import.meta.url));
const unbatched: ViteUserConfig = {
  resolve: { alias: [{ find: /^\.\.\/src\/index\.js$/, replacement: UNBATCHED }] },
  test: {
    exclude: [
      '**/node_modules/**',
      ...[
        'batch',
        'batch-refusals',
        'batch-statements',
        'batch-updates',
        'dispatch-outage',
        'exports',
        'overtaken',
      ].map((name) => `test/${name}.test.ts`),
    ],
  },
};
const mode = testBuilt ? built : process.env.KSS_TEST_BATCH === 'off' ? unbatched : {};

// The core reads what drivers return and say, so its suites run on every driver.
const env = { KSS_TEST_VARIANTS: process.env.KSS_TEST_VARIANTS ?? 'all' };
export default mergeConfig(mergeConfig(base, { test: { env } }), mode);
