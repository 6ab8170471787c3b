import type { Options } from 'tsup';

/** What every published package builds: ESM and CommonJS, each with its own declarations. */
export const base: Options = {
  format: ['esm', 'cjs'],
  target: 'node20',
  platform: 'node',
  dts: true,
  sourcemap: true,
  clean: true,
  shims: true, // `import.meta.url` in the CommonJS build
  splitting: false,
};
