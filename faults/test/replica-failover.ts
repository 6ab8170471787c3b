import { KnexSessionStore } from '@kss/core';
import type { Knex } from 'knex';
import { describe, expect, it } from 'vitest';
import { type Balancer, startBalancer } from '../src/balancer.js';
import { followFirst } from '../src/follow-first.js';
import { amount, SHORT, sleep } from '../src/mode.js';
import { random, SEED } from '../src/random.js';
import { openServer, type Pair, type Server, setSynchronous, startPair } from '../src/replica.js';
import { record } from '../src/report.js';
import { SharedLoad } from '../src/shared-load.js';
import { SILENT } from '../src/silent.js';
import { until } from '../src/until.js';
import { withStores } from '../src/with-stores.js';

const TIMEOUT = 10_000; // the store's own default
const PATIENCE = TIMEOUT + 2000; // the machine is busy with three databases
const TABLE = 'replica_failover';

/** The primary dies under load, and its replica takes over. */
export function primariesThatDie(): void {
  describe('the primary is killed under load, and its replica promoted', () => {
    it('synchronous: nothing acknowledged is lost', async () => {
      const { wrong, counts } = await failover('synchronous', { synchronous: true, times: amount(1, 4) });
      expect(wrong).toEqual([]);
      expect(counts).toMatchObject({ missed: 0, stale: 0, revived: 0 });
    });

    it.skipIf(SHORT)('asynchronous: whatever was lost, no call hangs, and the store goes on', async () => {
      await failover('asynchronous', { synchronous: false, times: amount(1, 4) });
    });

    it.skipIf(SHORT)('synchronous, the app finds the primary itself: nothing acknowledged is lost', async () => {
      const { wrong, counts } = await failover('synchronous, without a balancer', {
        synchronous: true,
        times: 1,
        follows: true,
      });
      expect(wrong).toEqual([]);
      expect(counts).toMatchObject({ missed: 0, stale: 0, revived: 0 });
    });

    it.skipIf(SHORT)(
      'asynchronous, the replica behind: what it had not received is lost, as the database says',
      async () => {
        const { lost } = await failover('asynchronous, the replica behind', {
          synchronous: false,
          times: 1,
          behind: amount(500, 2000),
        });
        // Or this suite could not see a loss at all.
        expect(lost).toBeGreaterThan(0);
      },
    );
  });

  it('synchronous, the replica dies: calls end at their deadline, and go on when nobody waits for it', async () => {
    const pair = await startPair();
    const [port] = pair.ports;
    try {
      const timeout = amount(1000, 3000);
      await withStores([openServer(port)], { tableName: TABLE, timeout }, async ([store]) => {
        const admin = openServer(port, { max: 1 });
        await setSynchronous(admin, true);
        await store?.set('before', { n: 1 });
        await pair.kill(2);
        const began = performance.now();
        const calls = Array.from({ length: 20 }, (_, i) => store?.set(`sid-${i}`, { n: i }));
        const outcomes = await Promise.allSettled([...calls, store?.touch('before')]);
        expect(performance.now() - began).toBeLessThan(timeout + 2000);
        for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'TIMEOUT' } });
        expect(await store?.get('before')).toEqual({ n: 1 }); // a read waits for nobody
        await admin.raw("alter system set synchronous_standby_names = ''");
        await admin.raw('select pg_reload_conf()');
        await admin.destroy();
        await until(async () => (await store?.set('after', { n: 2 }).catch(() => undefined)) !== undefined);
        expect(await store?.get('after')).toEqual({ n: 2 });
      });
    } finally {
      await pair.stop();
    }
  });
}

interface Failover {
  readonly synchronous: boolean;
  /** How often, each time back to the other server. */
  readonly times: number;
  /** Milliseconds for which the replica is sent nothing before the primary dies. */
  readonly behind?: number;
  /** Whether the app finds the primary itself, instead of a balancer. */
  readonly follows?: boolean;
}

async function failover(title: string, { synchronous, times, behind, follows }: Failover) {
  const pair = await startPair();
  const balancer = await startBalancer([pair.ports[0]]);
  const urls = pair.ports.map((port) => `postgres://postgres@127.0.0.1:${port}/postgres`);
  const following = Array.from({ length: follows ? 3 : 0 }, () => followFirst('pg', urls, isPrimary, { max: 10 }));
  for (const { knex } of following) knex.client.logger = SILENT;
  const pools = follows
    ? following.map(({ knex }) => knex)
    : Array.from({ length: 3 }, () => openServer(balancer.port));
  try {
    const version = await versionOf(pair);
    return await withStores(pools, { tableName: TABLE, timeout: TIMEOUT }, async (stores) => {
      const load = new SharedLoad({
        ...{ stores, name: 's', sessions: 20, workers: 24, random: random(SEED), patience: PATIENCE },
      });
      await replicate(pair, 1, synchronous);
      await load.start();
      let silent = 0;
      for (let time = 0; time < times; time++) {
        const [dying, rising]: [Server, Server] = time % 2 === 0 ? [1, 2] : [2, 1];
        await sleep(amount(1000, 8000));
        if (behind !== undefined) {
          await pair.freeze(rising);
          await sleep(behind);
        }
        const killed = performance.now();
        await pair.kill(dying);
        await takeOver(pair, balancer, rising);
        await sleep(amount(follows ? 3000 : 1500, 4000));
        silent = Math.max(silent, load.since(killed).silent);
        if (time === times - 1) break;
        await pair.rejoin(dying);
        await replicate(pair, rising, synchronous);
      }
      await load.stop();
      const { counts } = load;
      const wrong = await wrongOn(pair.ports[times % 2 === 0 ? 0 : 1], load);
      const { requests, acknowledged, errors, hung, slowest } = counts;
      await record({
        scenario: `primary killed, its replica promoted: ${title}`,
        database: `PostgreSQL ${version}`,
        ...{ faults: times, requests, acknowledged, errors, hung, slowest },
        lost: load.lost.size + counts.missed + counts.revived,
        recovery: silent,
      });
      console.log(title, JSON.stringify({ ...counts, silent }), wrong.length, wrong.slice(0, 3));
      if (synchronous && counts.stale > 0) console.log('stale reads:', JSON.stringify(load.staleReads, null, 1));
      expect(counts.hung).toBe(0);
      expect(Object.keys(errors).filter((code) => !['DATABASE', 'TIMEOUT', 'CONFLICT'].includes(code))).toEqual([]);
      expect(acknowledged).toBeGreaterThan(100);
      return { wrong, counts, lost: load.lost.size + counts.missed };
    });
  } finally {
    for (const { stop } of following) stop();
    await balancer.close();
    await pair.stop();
  }
}

/** What an operator, or a program of theirs, does. */
async function takeOver(pair: Pair, balancer: Balancer, rising: Server): Promise<void> {
  await pair.promote(rising);
  balancer.route([pair.ports[rising - 1] as number]);
}

async function isPrimary(server: Knex): Promise<boolean> {
  const { rows } = await server.raw('select pg_is_in_recovery() as replica');
  return !rows[0].replica;
}

async function replicate(pair: Pair, primary: Server, synchronous: boolean): Promise<void> {
  const admin = openServer(pair.ports[primary - 1] as number, { max: 1 });
  await setSynchronous(admin, synchronous);
  await admin.destroy();
}

async function wrongOn(port: number, load: SharedLoad): Promise<string[]> {
  const pool = openServer(port);
  const store = new KnexSessionStore(pool, { tableName: TABLE, gcInterval: 0 });
  const wrong = await load.wrongIn(store);
  await store.close();
  await pool.destroy();
  return wrong;
}

async function versionOf(pair: Pair): Promise<string> {
  const server = openServer(pair.ports[0], { max: 1 });
  const { rows } = await server.raw("select current_setting('server_version') as version");
  await server.destroy();
  return String(rows[0].version).split(' ')[0] as string;
}
