import { KnexSessionStore } from '@kss/core';
import { describe, expect, it } from 'vitest';
import { startBalancer } from '../src/balancer.js';
import { amount } from '../src/mode.js';
import { openServer, type Pair } from '../src/replica.js';
import { until } from '../src/until.js';
import { withStores } from '../src/with-stores.js';

/** What happens where an app reaches a replica. */
export function connectionsToReplicas(pair: () => Pair): void {
  describe('sessions read from a replica', () => {
    it('a login is missed, and a logout too, as long as the replica is behind', async () => {
      await withStores([openServer(pair().ports[0])], { tableName: 'replica_reads' }, async ([primary]) => {
        const pool = openServer(pair().ports[1]);
        const replica = new KnexSessionStore(pool, { tableName: 'replica_reads', sync: false, gcInterval: 0 });
        try {
          await primary?.set('out', { user: 'bob' });
          await until(async () => (await replica.get('out').catch(() => null)) !== null); // nor is the table there at once
          await pool.raw('select pg_wal_replay_pause()');
          await primary?.set('in', { user: 'ada' });
          await primary?.destroy('out');
          expect(await primary?.get('in')).toEqual({ user: 'ada' });
          expect(await replica.get('in')).toBeNull();
          expect(await replica.get('out')).toEqual({ user: 'bob' });
          await pool.raw('select pg_wal_replay_resume()');
          await until(async () => (await replica.get('in')) !== null && (await replica.get('out')) === null);
        } finally {
          await replica.close();
          await pool.destroy();
        }
      });
    });

    it('right after a login, some are missed without any help', async () => {
      await withStores([openServer(pair().ports[0])], { tableName: 'replica_reads' }, async ([primary]) => {
        const pool = openServer(pair().ports[1]);
        const replica = new KnexSessionStore(pool, { tableName: 'replica_reads', sync: false, gcInterval: 0 });
        const rounds = amount(300, 5000);
        await until(async () => (await replica.count('all').catch(() => -1)) === 0); // the table has arrived
        let missed = 0;
        for (let i = 0; i < rounds; i++) {
          await primary?.set(`sid-${i}`, { user: i });
          if ((await replica.get(`sid-${i}`)) === null) missed += 1;
        }
        console.log(`read from a replica right after a login: ${missed} of ${rounds} missed`);
        await replica.close();
        await pool.destroy();
        expect(missed).toBeGreaterThan(0);
      });
    });
  });

  it('a save over connections to a replica fails at once, and reaches the primary when new connections do', async () => {
    const [primary, replica] = pair().ports;
    await withStores([openServer(primary)], { tableName: 'replica_led' }, async () => {
      const balancer = await startBalancer([replica]);
      const pool = openServer(balancer.port);
      const store = new KnexSessionStore(pool, { tableName: 'replica_led', gcInterval: 0, onError() {} });
      try {
        const many = Array.from({ length: 50 }, (_, i) => i);
        await until(async () => (await store.count('all').catch(() => -1)) === 0); // the table has arrived
        const began = performance.now();
        for (const refused of await Promise.allSettled(many.map((i) => store.set(`sid-${i}`, { i })))) {
          expect(refused).toMatchObject({ reason: { code: 'DATABASE' } });
        }
        expect(performance.now() - began).toBeLessThan(2000);
        balancer.route([primary]); // open connections stay where they are
        await Promise.all(many.map((i) => store.set(`sid-${i}`, { i })));
        expect(await store.count('all')).toBe(many.length);
      } finally {
        await store.close();
        await pool.destroy();
        await balancer.close();
      }
    });
  });
}
