import { expect } from 'vitest';
import type { KssErrorCode } from '../src/errors.js';

/** Matches an error of ours with this code, whose message has these words in this order. */
export function failure(code: KssErrorCode, ...words: string[]): unknown {
  const pattern = new RegExp(words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*'), 's');
  return expect.objectContaining({ name: 'KssError', code, message: expect.stringMatching(pattern) });
}
