import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import type { SchemaField } from '../src/types.js';

const TABLE = 'kss_test_many_pools_unique';
const SERVERS: readonly DatabaseName[] = ['postgres', 'mariadb', 'mysql'];
const POOLS = 40;
const ROUNDS = 40;

const schemas = [
  { name: 'device', type: 'string', args: [40], extra: (column) => column.unique() },
] as const satisfies readonly SchemaField[];

describeDatabases(
  'many processes at once on one session with a unique column',
  (database, knex) => {
    const pools: Knex[] = [];
    const stores: KnexSessionStore<typeof schemas>[] = [];

    beforeAll(async () => {
      await knex().schema.dropTableIfExists(TABLE);
      for (let i = 0; i < POOLS; i++) {
        const pool = database.open({ pool: { min: 0, max: 1 } });
        pools.push(pool);
        stores.push(new KnexSessionStore(pool, { tableName: TABLE, schemas, gcInterval: 0 }));
        await stores[i]?.waitForSync(); // so that its connection is open
      }
    });
    afterAll(async () => {
      await Promise.all(stores.map((store) => store.close()));
      await Promise.all(pools.map((pool) => pool.destroy()));
      await knex().schema.dropTableIfExists(TABLE);
    });

    it('is refused by no value of its own', async () => {
      const refused: string[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const session = { device: `device-${round}` };
        const saved = await Promise.allSettled(stores.map((store) => store.set(`sid-${round}`, session)));
        for (const outcome of saved) if (outcome.status === 'rejected') refused.push(String(outcome.reason));
      }
      expect(refused).toEqual([]);
      expect(await knex()(TABLE).pluck('sid')).toHaveLength(ROUNDS);
    });
  },
  SERVERS,
);
