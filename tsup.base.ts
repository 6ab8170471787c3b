import type { Options } from 'tsup';

/** What every published package builds: ESM and CommonJS, each with its own declarations. */
export const base: Options = {
  format: ['esm', 'cjs'],
  target: 'node20',
  platform: 'node',
  // `Symbol.asyncDispose` is declared there; the bundler of the declarations drops the reference in the source.
  dts: { banner: '/// <reference lib="esnext.disposable" />' },
  sourcemap: true,
  clean: true,
  shims: true, // `import.meta.url` in the CommonJS build
  splitting: false,
};
