import { describe, expect, it } from 'vitest';
import { Ledger } from '../src/ledger.js';
import { sleep } from '../src/mode.js';

const fails = async (): Promise<never> => {
  throw Object.assign(new Error('unknown'), { name: 'KssError', code: 'TIMEOUT' });
};

describe('the ledger', () => {
  it('finds nothing missing where all is as it was acknowledged', async () => {
    const ledger = new Ledger(1000);
    await ledger.write('a', 1, async () => 1);
    await ledger.write('b', 1, async () => 1);
    await ledger.write('b', null, async () => null);
    expect(ledger.missing(new Map([['a', 1]]))).toEqual({ lost: [], revived: [], late: [] });
    expect(ledger.acknowledgedWrites).toBe(3);
  });

  it('finds a write that is not there, an older one in its place, and a session that came back', async () => {
    const ledger = new Ledger(1000);
    for (const sid of ['gone', 'older', 'ended']) {
      await ledger.write(sid, 1, async () => 1);
      await ledger.write(sid, 2, async () => 2);
    }
    await ledger.write('ended', null, async () => null);
    const held = new Map([
      ['older', 1],
      ['ended', 2],
    ]);
    expect(ledger.missing(held)).toEqual({ lost: ['gone', 'older'], revived: ['ended'], late: [] });
  });

  it('takes either outcome of a call that failed, and tells one that came late', async () => {
    const ledger = new Ledger(1000);
    for (const sid of ['had-effect', 'had-none', 'late']) {
      await ledger.write(sid, 1, async () => 1);
      expect(await ledger.write(sid, 2, fails)).toBeUndefined();
    }
    await ledger.write('late', 3, async () => 3);
    const held = new Map([
      ['had-effect', 2],
      ['had-none', 1],
      ['late', 2],
    ]);
    expect(ledger.missing(held)).toEqual({ lost: [], revived: [], late: ['late'] });
    expect(ledger.errors.get('TIMEOUT')).toBe(3);
  });

  it('sees a loss in a read, in a touch and in a change, although a later write hides it', async () => {
    const ledger = new Ledger(1000);
    for (const sid of ['read', 'touch', 'change']) await ledger.write(sid, 1, async () => 1);
    await ledger.read('read', async () => null);
    await ledger.check('touch', async () => false);
    await ledger.write('change', 2, async () => null);
    for (const sid of ['read', 'touch', 'change']) await ledger.write(sid, 3, async () => 3);
    const held = new Map([...['read', 'touch', 'change']].map((sid) => [sid, 3] as const));
    expect(ledger.missing(held).lost.sort()).toEqual(['change', 'read', 'touch']);
  });

  it('counts a call that is never settled, and one that fails with an error of another kind', async () => {
    const ledger = new Ledger(20);
    await ledger.read('a', () => new Promise(() => {}));
    await ledger.read('a', () => Promise.reject(new TypeError('not ours')));
    expect(ledger.hung).toBe(1);
    expect([...ledger.errors]).toEqual([['not ours: TypeError', 1]]);
  });

  it('measures from the end of a fault to the first answer to a request that began after it', async () => {
    const ledger = new Ledger(1000);
    const since = performance.now();
    const before = ledger.read('a', async () => {
      await sleep(30);
      return null;
    });
    await sleep(1);
    const recovered = ledger.recovered(since, 1000);
    await before;
    await sleep(60);
    await ledger.read('a', async () => null);
    expect(await recovered).toBeGreaterThan(80);
    await expect(ledger.recovered(since, 10)).rejects.toThrow('10 ms');
  });
});
