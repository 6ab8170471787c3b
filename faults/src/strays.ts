import { afterAll, beforeAll } from 'vitest';
import type { Ledger } from './ledger.js';

/** For each test file: errors of this process that no caller waited for. Empty it before a scenario. */
export function collectStrays(): unknown[] {
  const strays: unknown[] = [];
  const note = (error: unknown) => strays.push(error);
  beforeAll(() => {
    process.on('unhandledRejection', note);
    process.on('uncaughtException', note);
  });
  afterAll(() => {
    process.removeListener('unhandledRejection', note);
    process.removeListener('uncaughtException', note);
  });
  return strays;
}

/** Moves the strays into the ledger's count of crashes: without a listener each would have ended the process. */
export function countStrays(strays: unknown[], ledger: Ledger): void {
  for (const stray of strays.splice(0)) {
    console.error('An error that no caller waited for:', stray);
    ledger.crashes += 1;
  }
}
