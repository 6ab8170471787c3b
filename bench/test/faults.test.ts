import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Ledger } from '../src/ledger.js';
import { contentOf, freshCookie } from '../src/sessions.js';
import { runNode } from './node.js';

const NONE = { errors: 0, lost: 0, wrong: 0, unhandled: 0, hung: 0 };
const BAD_STORE = fileURLToPath(new URL('fixtures/bad-store.ts', import.meta.url));

describe('what a store gets wrong is counted', () => {
  it('in each of its ways, and the bench goes on', async () => {
    const { code, stdout, stderr } = await runNode([BAD_STORE]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      right: NONE,
      failing: { ...NONE, errors: 1, first: 'the table is gone' },
      'rejecting only': { ...NONE, errors: 1, first: 'no callback' },
      'rejecting as well': { ...NONE, errors: 1, first: 'both' },
      losing: { ...NONE, lost: 1 },
      stale: { ...NONE, wrong: 1, first: expect.stringContaining('session 0 came back as') },
      mixed: { ...NONE, wrong: 1, first: expect.stringContaining('user-1') },
      maimed: { ...NONE, wrong: 1, first: expect.stringContaining('"cart":[]') },
      expired: { ...NONE, wrong: 1, first: expect.stringContaining('1970-01-01') },
      stray: { ...NONE, unhandled: 1, first: 'stray' },
      throwing: { ...NONE, unhandled: 1, first: 'thrown' },
      silent: { ...NONE, hung: 1 },
    });
  });

  it('and a save of which nobody knows whether it happened is held against none', async () => {
    const ledger = new Ledger(1);
    const read = (version: number) => ledger.check(0, { cookie: freshCookie(), ...contentOf(0, version) });
    await expect(ledger.save(0, () => Promise.reject(new Error('timeout')))).rejects.toThrow('timeout');
    read(0);
    read(1);
    expect(ledger.faults.wrong).toBe(0);
    await ledger.save(0, async () => {});
    read(1);
    expect(ledger.faults.wrong).toBe(1);
  });
});
