import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_read_only_connection';
const SERVERS: readonly DatabaseName[] = ['postgres', 'mariadb', 'mysql'];

/** What makes a connection refuse every write, as one to a server does that was the primary, or is not yet. */
const READ_ONLY = (name: DatabaseName) =>
  name === 'postgres' ? 'set session characteristics as transaction read only' : 'set session transaction read only';

interface Connection {
  query(sql: string, done: (error: unknown) => void): void;
}

describeDatabases(
  'a pool whose connections lead to a server that only reads',
  (database, direct) => {
    let knex: Knex;
    let made: number;
    let store: KnexSessionStore;

    const open = (readOnly: number, batch: false | undefined) => {
      made = 0;
      const afterCreate = (connection: Connection, done: (error: unknown, connection: unknown) => void) => {
        made += 1;
        const statement = made <= readOnly ? READ_ONLY(database.name) : 'select 1';
        connection.query(statement, (error) => done(error, connection));
      };
      knex = database.open({ pool: { afterCreate } });
      knex.client.logger = { warn() {}, error() {}, debug() {}, deprecate() {} };
      store = new KnexSessionStore(knex, {
        tableName: TABLE,
        sync: false,
        gcInterval: 0,
        ...(batch === false && { batch }),
      });
    };
    const verbs: [string, () => Promise<unknown>, unknown][] = [
      ['set', () => store.set('s1', { n: 1 }).then(() => store.get('s1')), { n: 1 }],
      ['update', () => store.update('s1', { n: 2 }).then(() => store.get('s1')), { n: 2 }],
      ['touch', () => store.touch('s1', 1000), true],
      ['touch with a cookie', () => store.touch('s1', 1000, { path: '/a' }), true],
      ['destroy', () => store.destroy('s1').then(() => store.get('s1')), null],
      ['destroyWhere', () => store.destroyWhere((query) => query.where('sid', 's1')), 1],
      ['gc', () => store.gc(), 1],
      ['clear', () => store.clear(), 2],
    ];

    beforeEach(async () => {
      const setup = new KnexSessionStore(direct(), { tableName: TABLE, gcInterval: 0 });
      await setup.waitForSync();
      await setup.clear();
      await setup.set('s1', { n: 0 });
      await setup.set('expired', {}, -1);
      await setup.close();
    });
    afterEach(async () => {
      await store.close();
      await knex.destroy();
    });
    afterAll(async () => {
      await direct().schema.dropTableIfExists(TABLE);
    });

    describe.each([['batched', undefined] as const, ['one by one', false] as const])('%s', (_, batch) => {
      it.each(verbs)('%s gives them up, and goes on with one that leads elsewhere', async (_, call, expected) => {
        open(2, batch);
        expect(await call()).toEqual(expected);
        expect(made).toBe(3);
      });

      it('merges a save that one of them refused: it was surely not done', async () => {
        open(1, batch);
        const loaded = await store.load('s1');
        const other = new KnexSessionStore(direct(), { tableName: TABLE, sync: false, gcInterval: 0 });
        await other.set('s1', { n: 0, theirs: 1 });
        await other.close();
        expect(await store.update('s1', { n: 1 }, { revision: loaded?.revision })).not.toBeNull();
        expect(await store.get('s1')).toEqual({ n: 1, theirs: 1 });
        expect(made).toBe(2);
      });

      it('fails, and says what the database said, where all lead there; reads go on', async () => {
        open(Number.POSITIVE_INFINITY, batch);
        const refused = { code: 'DATABASE', message: expect.stringMatching(/read.only/i) };
        await expect(store.set('s1', { n: 1 })).rejects.toMatchObject(refused);
        expect(await store.get('s1')).toEqual({ n: 0 });
      });
    });
  },
  SERVERS,
);
