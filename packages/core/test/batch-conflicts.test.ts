import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore, type Revision, type StoreOptions } from '../src/index.js';
import { failure } from './failure.js';
import { watch } from './watch.js';

const SIZE = 40;
const schemas = [{ name: 'user_id', type: 'string', args: [20] }] as const;
type Store = KnexSessionStore<typeof schemas>;
type Options = Pick<StoreOptions, 'onConflict' | 'maxSessionBytes'>;

describeDatabases('many saves at once that others were faster than', ({ label }, knex) => {
  const tableName = `kss_batch_conflicts_${label.replace(/\W/g, '_')}`;
  const sids = Array.from({ length: SIZE }, (_, i) => `s${String(i).padStart(2, '0')}`);
  const opened: Store[] = [];
  let other: Store;
  const open = (options: Options = {}) => {
    const store = new KnexSessionStore(knex(), { tableName, schemas, gcInterval: 0, batch: {}, ...options });
    opened.push(store);
    return store;
  };

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(tableName);
    other = open();
    await other.waitForSync();
  });
  beforeEach(async () => {
    await other.clear();
  });
  afterAll(async () => {
    for (const store of opened) await store.close();
    await knex().schema.dropTableIfExists(tableName);
  });

  const born = async (store: Store): Promise<Revision[]> => {
    await Promise.all(sids.map((sid) => other.set(sid, { user_id: 'nobody', n: 0 })));
    const loaded = await Promise.all(sids.map((sid) => store.load(sid)));
    return loaded.map((one) => one?.revision as Revision);
  };
  const overtake = (changes: object) =>
    Promise.all(
      sids.map(async (sid) => {
        const loaded = await other.load(sid);
        await other.update(sid, { ...loaded?.session, ...changes }, { revision: loaded?.revision });
      }),
    );
  const save = (store: Store, revisions: readonly Revision[]) =>
    Promise.all(sids.map((sid, i) => store.update(sid, { user_id: 'nobody', n: 1 }, { revision: revisions[i] })));
  const stored = () => Promise.all(sids.map((sid) => other.get(sid)));

  it('are read together and written together', async () => {
    const store = open();
    const revisions = await born(store);
    await overtake({ user_id: 'ada', theirs: 1 });
    const seen = watch(knex());
    const next = await save(store, revisions);
    seen.stop();
    expect(seen.sent).toHaveLength(3);
    expect(next).not.toContain(null);
    expect(await stored()).toStrictEqual(sids.map(() => ({ user_id: 'ada', n: 1, theirs: 1 })));
    // What it gave serves the next one, of the first save's view.
    const again = await Promise.all(
      sids.map((sid, i) => store.update(sid, { user_id: 'nobody', n: 2 }, { revision: next[i] as Revision })),
    );
    expect(again).not.toContain(null);
    expect(await stored()).toStrictEqual(sids.map(() => ({ user_id: 'ada', n: 2, theirs: 1 })));
  });

  it('end each in its own way', async () => {
    const store = open({ onConflict: 'reject' });
    const revisions = await born(store);
    await Promise.all(sids.map((sid, i) => (i % 4 === 0 ? other.destroy(sid) : undefined)));
    await Promise.all(sids.map((sid, i) => (i % 8 === 0 ? other.set(sid, { reborn: true }) : undefined)));
    await Promise.all(sids.map((sid, i) => (i % 4 === 1 ? other.update(sid, { theirs: 1 }) : undefined)));
    const seen = watch(knex());
    const outcomes = await Promise.allSettled(
      sids.map((sid, i) => store.update(sid, { n: 1 }, { revision: revisions[i] as Revision })),
    );
    seen.stop();
    expect(seen.sent).toHaveLength(2);
    for (const [i, outcome] of outcomes.entries()) {
      if (i % 4 === 1) expect(outcome).toMatchObject({ status: 'rejected', reason: failure('CONFLICT') });
      else
        expect([i, outcome.status, 'value' in outcome && outcome.value === null]).toEqual([
          i,
          'fulfilled',
          i % 4 === 0,
        ]);
    }
    expect(await stored()).toStrictEqual(
      sids.map((_, i) => {
        if (i % 8 === 0) return { reborn: true };
        return i % 4 === 0 ? null : i % 4 === 1 ? { theirs: 1 } : { n: 1 };
      }),
    );
  });

  it('go on one by one where they are overtaken once more, and keep what all changed', async () => {
    const store = open();
    const revisions = await born(store);
    await overtake({ first: 1 });
    const between = overtakenAfterRead(knex(), () => overtake({ second: 2 }));
    const next = await save(store, revisions);
    expect(between.done).toBe(true);
    expect(next).not.toContain(null);
    expect(await stored()).toStrictEqual(sids.map(() => ({ user_id: 'nobody', n: 1, first: 1, second: 2 })));
  });

  it('fail alone where one became too large', async () => {
    const store = open();
    const revisions = await born(store);
    await overtake({ theirs: 1 });
    await other.update('s07', { user_id: 'nobody', n: 0, big: 'x'.repeat(500) });
    const small = open({ maxSessionBytes: 300 });
    await small.waitForSync();
    const seen = watch(knex());
    const outcomes = await Promise.allSettled(
      sids.map((sid, i) => small.update(sid, { user_id: 'bob', n: 1 }, { revision: revisions[i] as Revision })),
    );
    seen.stop();
    const failed = outcomes.flatMap((outcome, i) => (outcome.status === 'rejected' ? [[sids[i], outcome.reason]] : []));
    expect(failed).toEqual([['s07', failure('TOO_LARGE')]]);
    expect(seen.sent).toHaveLength(3);
  });
});

/** Lets others write between the read that follows a write that reached nothing and what is written then. */
function overtakenAfterRead(knex: Knex, act: () => Promise<unknown>): { done: boolean } {
  const state = { done: false };
  const client = knex.client as { acquireConnection(): Promise<unknown> };
  const acquire = client.acquireConnection;
  let writes = 0;
  let reads = 0;
  const count = (_: unknown, { sql }: { sql: string }) => {
    if (/^\s*select/.test(sql)) reads += writes > 0 ? 1 : 0;
    else writes += 1;
  };
  knex.on('query-response', count);
  client.acquireConnection = async () => {
    if (reads > 0 && !state.done) {
      state.done = true;
      client.acquireConnection = acquire;
      knex.removeListener('query-response', count);
      await act();
    }
    return acquire.call(client);
  };
  return state;
}
