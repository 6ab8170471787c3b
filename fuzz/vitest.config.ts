import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { mergeConfig } from 'vitest/config';
import base from '../vitest.base.ts';

// One for all files of a run, said by each of them, so that any failure can be run again.
const env = { KSS_FUZZ_SEED: process.env.KSS_FUZZ_SEED || String(randomInt(2 ** 31)) };

const source = (path: string) => fileURLToPath(new URL(`../packages/${path}.ts`, import.meta.url));

// The sources: what fails is found in the line that was written.
const alias = [
  { find: /^@kss\/core\/adapter$/, replacement: source('core/src/adapter') },
  { find: /^@kss\/(core|express|koa|fastify)$/, replacement: source('$1/src/index') },
];

// A million cases take longer than a test of one case.
export default mergeConfig(base, { resolve: { alias }, test: { env, testTimeout: 1_200_000, hookTimeout: 120_000 } });
