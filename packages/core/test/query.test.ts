import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_query';

interface Runner {
  query(...args: unknown[]): unknown;
}

describeDatabases('the way of a statement', (_, knex) => {
  const open = async (on: Knex) => {
    const store = new KnexSessionStore(on, { tableName: TABLE, gcInterval: 0 });
    onTestFinished(() => store.close());
    await store.waitForSync();
    return store;
  };
  /** Each verb once, alone and beside others. */
  const useAll = async (store: KnexSessionStore) => {
    await store.set('a', { n: 1 });
    await Promise.all([store.set('b', { n: 2 }), store.set('c', { n: 3 })]);
    const loaded = await store.load('a');
    await store.update('a', { n: 4 }, { revision: loaded?.revision });
    await store.touch('a');
    await store.destroy('b');
    expect(await Promise.all([store.get('a'), store.get('b'), store.get('c')])).toStrictEqual([
      { n: 4 },
      null,
      { n: 3 },
    ]);
  };
  /** How many queries of our table go through knex's runner, which tracing tools wrap. */
  const countRuns = (on: Knex, wrapped: boolean) => {
    const prototype = Object.getPrototypeOf(on.client.runner({})) as Runner;
    const { query } = prototype;
    const runs = { count: 0 };
    prototype.query = Object.assign(
      function (this: Runner, ...args: [{ sql?: string }]) {
        if (args[0].sql?.includes(TABLE)) runs.count += 1;
        return query.apply(this, args);
      },
      wrapped ? { __wrapped: true } : {},
    );
    onTestFinished(() => {
      prototype.query = query;
    });
    return runs;
  };

  beforeAll(() => knex().schema.dropTableIfExists(TABLE));
  afterAll(() => knex().schema.dropTableIfExists(TABLE));

  it('is past the runner of knex, where nobody looks', async () => {
    const store = await open(knex());
    const runs = countRuns(knex(), false);
    await useAll(store);
    expect(runs.count).toBe(0);
  });

  it('leads through a runner that was wrapped', async () => {
    const runs = countRuns(knex(), true);
    await useAll(await open(knex()));
    expect(runs.count).toBeGreaterThanOrEqual(7);
  });

  it.each(['start', 'query', 'query-response'])('makes the event %s for who listens, and only then', async (event) => {
    const store = await open(knex());
    const runs = countRuns(knex(), false);
    let heard = 0;
    const listener = () => void heard++;
    for (const emitter of [knex(), knex().client]) {
      emitter.on(event, listener);
      await useAll(store);
      emitter.removeListener(event, listener);
      expect(heard).toBeGreaterThanOrEqual(7);
      expect(heard).toBe(runs.count);
      heard = 0;
      runs.count = 0;
    }
    await useAll(store);
    expect([heard, runs.count]).toStrictEqual([0, 0]);
  });

  it('makes the event query-error for who listens', async () => {
    const store = await open(knex());
    await knex().schema.dropTable(TABLE);
    onTestFinished(() => open(knex()).then(() => {}));
    const failed: unknown[] = [];
    const listener = (_: unknown, { sql }: { sql: string }) => void failed.push(sql);
    knex().on('query-error', listener);
    await expect(store.get('a')).rejects.toMatchObject({ code: 'DATABASE' });
    knex().removeListener('query-error', listener);
    expect(failed).toHaveLength(1);
    await expect(store.get('a')).rejects.toMatchObject({
      code: 'DATABASE',
      message: expect.not.stringContaining('select'),
    });
  });

  it('ends in the query of a client that has one of its own', async () => {
    const { client } = knex();
    const { _query } = client;
    let queries = 0;
    client._query = (...args: unknown[]) => {
      queries += 1;
      return _query.apply(client, args);
    };
    onTestFinished(() => {
      delete client._query;
    });
    const store = await open(knex());
    queries = 0;
    await useAll(store);
    expect(queries).toBeGreaterThanOrEqual(7);
  });

  it('shows each response to the hook of the settings', async () => {
    const { config } = knex().client as { config: Knex.Config };
    let seen = 0;
    config.postProcessResponse = (response: unknown) => {
      seen += 1;
      return response;
    };
    onTestFinished(() => {
      delete config.postProcessResponse;
    });
    const store = await open(knex());
    seen = 0;
    await useAll(store);
    expect(seen).toBeGreaterThanOrEqual(7);
  });
});
