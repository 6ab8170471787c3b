import { KnexSessionStore } from '@kss/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBalancer } from '../src/balancer.js';
import { absenceOf } from '../src/databases-script.js';
import { describeWhere } from '../src/describe.js';
import { type Group, openMember, primaryOf, startGroup } from '../src/group.js';
import { SHORT, sleep } from '../src/mode.js';
import { random, SEED } from '../src/random.js';
import { record } from '../src/report.js';
import { rowsOf, sqlFor } from '../src/scaling-sql.js';
import { SharedLoad } from '../src/shared-load.js';
import { until } from '../src/until.js';
import { withStores } from '../src/with-stores.js';

const TIMEOUT = 10_000; // the store's own default
const LOAD = { name: 's', sessions: 20, workers: 16, patience: TIMEOUT + 2000 };
const TABLE = 'group_load';

// Its start takes longer than all of the short form may.
const absent = SHORT ? 'the short form leaves it out' : absenceOf('group');

describeWhere('three servers with group replication', 'group', absent, () => {
  let started: Group | undefined;
  beforeAll(async () => {
    started = await startGroup();
  });
  afterAll(() => started?.stop());
  const group = () => {
    if (started === undefined) throw new Error('The group is there only while tests run.');
    return started;
  };

  it('the primary is killed under load, and connections follow the next: nothing acknowledged is lost', async () => {
    const { ports, kill, rejoin } = group();
    const balancer = await startBalancer([ports[0] as number]);
    try {
      const pools = Array.from({ length: 3 }, () => openMember(balancer.port));
      await withStores(pools, { tableName: TABLE, timeout: TIMEOUT }, async (stores) => {
        const load = new SharedLoad({ ...LOAD, stores, random: random(SEED) });
        await load.start();
        await sleep(5000);
        const killed = performance.now();
        await kill(1);
        await until(async () => {
          const primary = await primaryOf(group());
          if (primary === undefined || primary === ports[0]) return false;
          balancer.route([primary]);
          return true;
        });
        await sleep(10_000);
        const { silent } = load.since(killed);
        await rejoin(1);
        await sleep(5000);
        await load.stop();
        await judge(group(), load, { scenario: 'primary of a group killed, another elected', recovery: silent });
      });
    } finally {
      await balancer.close();
    }
  });

  it('a secondary refuses saves at once; the same connections lead to the primary when it is asked for', async () => {
    const primary = (await primaryOf(group())) as number;
    const secondary = group().ports.find((port) => port !== primary) as number;
    await withStores([openMember(primary)], { tableName: TABLE }, async () => {
      const balancer = await startBalancer([secondary]);
      const pool = openMember(balancer.port);
      const store = new KnexSessionStore(pool, { tableName: TABLE, sync: false, gcInterval: 0 });
      try {
        await until(async () => (await store.count('all').catch(() => -1)) === 0); // the table has arrived
        expect(await rowsOf(pool, 'select @@super_read_only as secondary')).toEqual([{ secondary: 1 }]);
        await expect(store.set('sid', {})).rejects.toMatchObject({ code: 'DATABASE' });
        balancer.route([primary]); // open connections stay where they are
        await store.set('sid', { saved: true });
        expect(await store.get('sid')).toEqual({ saved: true });
        expect(await rowsOf(pool, 'select @@super_read_only as secondary')).toEqual([{ secondary: 0 }]);
      } finally {
        await store.close();
        await pool.destroy();
        await balancer.close();
      }
    });
  });

  // The last, since there is no single primary any more.
  describe('several primaries', () => {
    beforeAll(() => group().multiply());

    it.each([
      ['batched', {}],
      ['one by one', { batch: false } as const],
    ])('%s: saves of one session on all of them are merged, and callers hear of no refusal', async (mode, options) => {
      const say = "set session group_replication_consistency = 'BEFORE'";
      const pools = group().ports.map((port) => openMember(port, say));
      await withStores(pools, { tableName: TABLE, timeout: TIMEOUT, ...options }, async (stores) => {
        const load = new SharedLoad({ ...LOAD, stores, random: random(SEED), sessions: 5 });
        await load.start();
        await sleep(10_000);
        await load.stop();
        await judge(group(), load, { scenario: `three primaries at once, ${mode}`, faults: 0 });
        expect(load.counts.causes).not.toHaveProperty('ER_TRANSACTION_ROLLBACK_DURING_COMMIT');
      });
    });
  });

  it.each(sqlFor('MySQL'))('docs/scaling.md: the statements from line $line on run', async ({ statements }) => {
    const pool = openMember((await primaryOf(group())) as number);
    await withStores([pool], { tableName: 'sessions' }, async () => {
      const [first, ...others] = await Promise.all(statements.map((statement) => rowsOf(pool, statement)));
      if (statements[0]?.includes('replication_group_members'))
        expect([first, ...others]).toMatchObject([
          [{}, {}, {}],
          [{}, {}, {}],
        ]);
    });
  });
});

async function judge(group: Group, load: SharedLoad, line: { scenario: string; recovery?: number; faults?: number }) {
  const { requests, acknowledged, errors, hung, slowest, missed, stale, revived } = load.counts;
  const wrong: string[] = [];
  let version = '';
  for (const port of group.ports) {
    const pool = openMember(port, "set session group_replication_consistency = 'BEFORE'");
    version = String((await rowsOf(pool, 'select version() as version'))[0]?.version).split('-')[0] as string;
    const store = new KnexSessionStore(pool, { tableName: TABLE, sync: false, gcInterval: 0 });
    wrong.push(...(await load.wrongIn(store)).map((one) => `${port}: ${one}`));
    await store.close();
    await pool.destroy();
  }
  const lost = wrong.length + revived + missed + stale;
  const database = `MySQL ${version}, group replication`;
  await record({ faults: 1, ...line, database, requests, acknowledged, errors, hung, slowest, lost });
  console.log(line.scenario, JSON.stringify(load.counts));
  expect(wrong).toEqual([]);
  expect(load.counts).toMatchObject({ missed: 0, stale: 0, revived: 0, hung: 0 });
  expect(acknowledged).toBeGreaterThan(100);
}
