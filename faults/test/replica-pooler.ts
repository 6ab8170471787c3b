import { createSessionTable, type StoreOptions } from '@kss/core';
import type { Knex } from 'knex';
import { expect, it } from 'vitest';
import { absenceOf } from '../src/databases-script.js';
import { describeWhere } from '../src/describe.js';
import { causeCode } from '../src/error-code.js';
import { amount, sleep } from '../src/mode.js';
import { random, SEED } from '../src/random.js';
import { logStatements, openServer, type Pair } from '../src/replica.js';
import { SharedLoad } from '../src/shared-load.js';
import { withStores } from '../src/with-stores.js';

/** PgBouncer, which lends a connection for one transaction and then to somebody else. */
export function storesBehindAPooler(pair: () => Pair): void {
  describeWhere('a pooler of transactions', 'pgbouncer', absenceOf('pgbouncer'), () => {
    it.each([
      ['prepare: false', { batch: { prepare: false } }],
      ['batch: false, which prepares too, unless it is told', { batch: { maxSize: 1, prepare: false } }],
    ] satisfies [string, StoreOptions][])(
      '%s: everything works, from four processes over two connections',
      async (_, options) => {
        const counts = await throughPooler(pair(), options);
        expect(counts).toMatchObject({ missed: 0, stale: 0, revived: 0, hung: 0 });
        expect(Object.keys(counts.errors).filter((code) => code !== 'CONFLICT')).toEqual([]); // many workers, few sessions
        expect(counts.acknowledged).toBeGreaterThan(100);
      },
    );

    it('prepare: true: statements that another client has prepared, or that nobody has', async () => {
      const port = await pair().pooler();
      const pools = [pair().ports[0], port, port, port].map((each) => openServer(each));
      const tableName = newTable();
      await withStores(pools, { tableName, sync: false }, async ([, ...stores]) => {
        await createSessionTable(pools[0] as Knex, { tableName });
        const codes = new Set<unknown>();
        for (let round = 0; round < 20; round++) {
          const calls = stores.map((store, i) =>
            store.set(`sid-${round}-${i}`, { i }).then(() => store.get(`sid-${i}`)),
          );
          for (const outcome of await Promise.allSettled(calls))
            if (outcome.status === 'rejected') codes.add(causeCode(outcome.reason));
        }
        // There is none of that name, or there is one already.
        expect(['26000', '42P05'].filter((code) => codes.has(code))).not.toEqual([]);
      });
    });
  });
}

async function throughPooler(pair: Pair, options: StoreOptions) {
  const port = await pair.pooler();
  const [primary] = pair.ports;
  const pools = [primary, port, port, port, port].map((each) => openServer(each));
  const direct = pools[0] as Knex;
  const tableName = newTable();
  await logStatements(direct);
  return withStores(pools, { tableName, ...options }, async ([afterwards, ...stores]) => {
    const look = (sid: string) => rowAndBackends(direct, tableName, sid);
    const load = new SharedLoad({
      ...{ stores, name: 's', sessions: 10, workers: 16, random: random(SEED), patience: 12_000, look },
    });
    await load.start();
    await sleep(amount(1500, 10_000));
    await load.stop();
    if (afterwards === undefined) throw new Error('There is no store.');
    const wrong = await load.wrongIn(afterwards);
    const { staleReads } = load;
    console.log('behind PgBouncer:', JSON.stringify(options), JSON.stringify(load.counts));
    if (staleReads.length > 0 || wrong.length > 0) {
      const lines = (await pair.log(1))
        .split('\n')
        .filter((line) => line.includes(tableName) || line.includes('DETAIL'));
      console.log('EVIDENCE', JSON.stringify({ wrong, staleReads }, null, 1), lines.slice(-4000).join('\n'));
    }
    expect({ wrong, staleReads }).toEqual({ wrong: [], staleReads: [] });
    return load.counts;
  });
}

let tables = 0;

/** A table that no other run has had: what one had left with the server would be none of this one's. */
function newTable(): string {
  tables += 1;
  return `replica_pooler_${Date.now().toString(36)}_${tables}`;
}

/** The row, with the transaction that wrote it, and what the server's processes do; both past the pooler. */
async function rowAndBackends(direct: Knex, table: string, sid: string) {
  const { rows } = await direct.raw(
    'select t.*, t.xmin, t.ctid, pg_current_snapshot() as snapshot, clock_timestamp() as read_at from ?? t where sid = ?',
    [table, sid],
  );
  const backends = await direct.raw(
    "select pid, state, xact_start, query_start, state_change, query from pg_stat_activity where backend_type = 'client backend'",
  );
  return { rows, backends: backends.rows };
}
