import { KnexSessionStore, type StoreOptions } from '@kss/core';
import type { Knex } from 'knex';
import { describe, expect, it } from 'vitest';
import { startBalancer } from '../src/balancer.js';
import { followFirst } from '../src/follow-first.js';
import { type Galera, openNode, saying, statusOf } from '../src/galera.js';
import { amount, SHORT, sleep } from '../src/mode.js';
import { random, SEED } from '../src/random.js';
import { record } from '../src/report.js';
import { SharedLoad } from '../src/shared-load.js';
import { SILENT } from '../src/silent.js';
import { until } from '../src/until.js';
import { withStores } from '../src/with-stores.js';

const TIMEOUT = 10_000; // the store's own default
const PATIENCE = TIMEOUT + 2000; // the machine is busy with four databases

/** A node dies, hangs or is cut off under load, and comes back. */
export function nodesThatFail(galera: () => Galera): void {
  describe('under load, through a balancer', () => {
    it('a node is killed and comes back: nothing acknowledged is lost, on any node', async () => {
      await scenario(galera(), 'a node of three killed, and brought back', {
        async fault({ kill, rejoin }, load) {
          for (let i = 0; i < amount(1, 4); i++) {
            const node = ([2, 3, 1] as const)[i % 3] as 1 | 2 | 3;
            load.faultBegins();
            await kill(node);
            await load.goesOn(amount(6500, 10_000));
            await rejoin(node);
            await sleep(amount(500, 5000));
          }
        },
        faults: amount(1, 4),
      });
    });

    it.skipIf(SHORT)(
      'a node is cut off from the others and still takes connections: what it refuses is done elsewhere',
      async () => {
        await scenario(galera(), 'a node of three cut off from the others', {
          async fault({ ports }, load) {
            const node = openNode(ports[2] as number, 0, undefined, { max: 1 });
            try {
              load.faultBegins();
              await node.raw("set global wsrep_provider_options = 'gmcast.isolate=1'");
              await until(async () => (await statusOf(node, 'wsrep_ready')) === 'OFF');
              await load.goesOn(amount(2000, 15_000));
              await node.raw("set global wsrep_provider_options = 'gmcast.isolate=0'");
              await until(async () => (await statusOf(node, 'wsrep_local_state_comment')) === 'Synced');
            } finally {
              await node.destroy();
            }
          },
          faults: 1,
          unknown: ['ER_UNKNOWN_COM_ERROR', 'ER_ERROR_DURING_COMMIT'],
        });
      },
    );

    it.skipIf(SHORT)('a node hangs until the others give it up, and goes on', async () => {
      await scenario(galera(), 'a node of three stopped (SIGSTOP), and continued', {
        async fault({ ports, freeze, thaw }, load) {
          load.faultBegins();
          await freeze(2);
          await load.goesOn(30_000);
          await thaw(2);
          const node = openNode(ports[1] as number, 0, undefined, { max: 1 });
          await until(async () => (await statusOf(node, 'wsrep_local_state_comment').catch(() => '')) === 'Synced');
          await node.destroy();
        },
        faults: 1,
      });
    });

    it.skipIf(SHORT)('a pool that follows the first node that serves, without a balancer', async () => {
      const urls = galera().ports.map((port) => `mysql://root@127.0.0.1:${port}/test`);
      const serves = async (node: Knex) => (await statusOf(node, 'wsrep_ready')) === 'ON';
      const afterCreate = saying('set session wsrep_sync_wait = 3');
      const following = Array.from({ length: 3 }, () => followFirst('mysql2', urls, serves, { max: 10, afterCreate }));
      for (const { knex } of following) knex.client.logger = SILENT;
      await scenario(galera(), 'a node of three killed, without a balancer', {
        pools: following.map(({ knex }) => knex),
        async fault({ kill, rejoin }, load) {
          load.faultBegins();
          await kill(1);
          await load.goesOn(10_000);
          await rejoin(1);
        },
        faults: 1,
      }).finally(() => {
        for (const { stop } of following) stop();
      });
    });

    it.skipIf(SHORT)('one by one, each statement tried once by the server: the store tries again', async () => {
      await scenario(galera(), 'a node of three killed, batch: false', {
        options: { batch: false },
        say: 'set session wsrep_retry_autocommit = 0',
        async fault({ kill, rejoin }, load) {
          load.faultBegins();
          await kill(3);
          await load.goesOn(10_000);
          await rejoin(3);
        },
        faults: 1,
      });
    });
  });
}

interface Scenario {
  /** Those of the app's processes; over a balancer where nothing is said. */
  readonly pools?: readonly Knex[];
  readonly options?: StoreOptions;
  readonly say?: string;
  fault(galera: Galera, load: Faulted): Promise<void>;
  readonly faults: number;
  /** Codes of the driver of which no caller may hear, since the same is done elsewhere. */
  readonly unknown?: readonly string[];
}

interface Faulted {
  faultBegins(): void;
  /** Lets the load go on for a while, and notes how long nothing was acknowledged since the fault began. */
  goesOn(ms: number): Promise<void>;
}

async function scenario(
  galera: Galera,
  title: string,
  { pools, options, say, fault, faults, unknown = [] }: Scenario,
): Promise<void> {
  const balancer = await startBalancer(galera.ports);
  const version = await versionOf(galera);
  const balanced = () => Array.from({ length: 3 }, () => openNode(balancer.port, 3, say));
  try {
    await withStores(
      pools ?? balanced(),
      { tableName: 'galera_kill', timeout: TIMEOUT, ...options },
      async (stores) => {
        const load = new SharedLoad({
          stores,
          name: 's',
          sessions: 20,
          workers: 24,
          random: random(SEED),
          patience: PATIENCE,
        });
        await load.start();
        await sleep(amount(500, 5000));
        let began = performance.now();
        let silent = 0;
        await fault(galera, {
          faultBegins() {
            began = performance.now();
          },
          async goesOn(ms) {
            await sleep(ms);
            silent = Math.max(silent, load.since(began).silent);
          },
        });
        await sleep(amount(500, 5000));
        await load.stop();
        const { counts } = load;
        const lost = await wrongOnEachNode(galera, load);
        const { requests, acknowledged, errors, hung, slowest } = counts;
        await record({
          scenario: title,
          database: `MariaDB ${version}, Galera`,
          ...{ faults, requests, acknowledged, errors, hung, slowest },
          lost: lost.length + counts.revived + counts.missed + counts.stale,
          recovery: silent,
        });
        console.log(title, JSON.stringify({ ...counts, silent, failing: load.since(began).failing }));
        expect(lost).toEqual([]);
        expect(counts).toMatchObject({ missed: 0, stale: 0, revived: 0, hung: 0 });
        expect(Object.keys(errors).filter((code) => !['DATABASE', 'TIMEOUT', 'CONFLICT'].includes(code))).toEqual([]);
        expect(Object.keys(counts.causes).filter((code) => unknown.includes(code))).toEqual([]);
        expect(acknowledged).toBeGreaterThan(100);
        const failed = Object.values(errors).reduce((sum, count) => sum + count, 0);
        // The others serve: what fails is what was under way, and what the balancer still sent to the node that failed.
        expect(failed).toBeLessThan(requests / 50);
      },
    );
  } finally {
    await balancer.close();
  }
}

/** Each node for itself must have all, once it has caught up. */
async function wrongOnEachNode(galera: Galera, load: SharedLoad): Promise<string[]> {
  const wrong: string[] = [];
  for (const [i, port] of galera.ports.entries()) {
    const pool = openNode(port, 3);
    const store = new KnexSessionStore(pool, { tableName: 'galera_kill', gcInterval: 0 });
    for (const one of await load.wrongIn(store)) wrong.push(`node ${i + 1}: ${one}`);
    await store.close();
    await pool.destroy();
  }
  return wrong;
}

async function versionOf(galera: Galera): Promise<string> {
  const node: Knex = openNode(galera.ports[0] as number, 0, undefined, { max: 1 });
  const [[row]] = await node.raw('select version() as version');
  await node.destroy();
  return String(row.version).split('-')[0] as string;
}
