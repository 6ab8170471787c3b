import { describeDatabases } from '@kss/test-kit';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_gc';
const TEN_MINUTES = 600_000;

describeDatabases('the collection of expired rows', (_, knex) => {
  const stores: { close(): Promise<void> }[] = [];
  const clean = async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex().schema.dropTableIfExists(TABLE);
  };
  beforeAll(clean);
  afterEach(clean);

  const open = async (options: object = {}) => {
    const store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, ...options });
    stores.push(store);
    await store.waitForSync();
    return store;
  };
  const insert = async (count: number, expireAt: number, prefix: string) => {
    const rows = Array.from({ length: count }, (__, i) => ({
      sid: `${prefix}-${i}`,
      expire_at: expireAt,
      additional: '{}',
    }));
    for (let from = 0; from < rows.length; from += 250) await knex()(TABLE).insert(rows.slice(from, from + 250));
  };
  const left = async () => (await knex()(TABLE).pluck('sid')) as string[];

  it('goes through 2,500 expired rows in chunks, and spares those that live', async () => {
    const store = await open();
    await insert(2500, Date.now() - 1, 'expired');
    await insert(300, Date.now() + 600_000, 'live');
    const statements: string[] = [];
    const note = ({ sql }: { sql: string }) => statements.push(sql);
    knex().on('query', note);
    expect(await store.gc()).toBe(2500);
    knex().removeListener('query', note);
    expect(statements.length).toBeGreaterThanOrEqual(3);
    const sids = await left();
    expect(sids).toHaveLength(300);
    expect(sids.every((sid) => sid.startsWith('live'))).toBe(true);
    expect(await store.gc()).toBe(0);
  });

  it.each([1, 999, 1000, 1001, 2000])('counts %d expired rows', async (count) => {
    const store = await open();
    await insert(count, Date.now() - 1, 'expired');
    expect(await store.gc()).toBe(count);
    expect(await left()).toEqual([]);
  });

  it('ends with the store, and counts what it deleted until then', async () => {
    const store = await open({ hashSid: true });
    await insert(2500, Date.now() - 1, 'expired');
    const collecting = store.gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await store.close();
    const deleted = await collecting;
    expect(2500 - (await left()).length).toBe(deleted);
  });

  it('takes no row twice where two collect at once', async () => {
    const [one, other] = [await open(), await open()];
    await insert(2500, Date.now() - 1, 'expired');
    const counts = await Promise.all([one.gc(), other.gc()]);
    // One may pass over rows that the other holds; what is left is for the next.
    expect((counts[0] ?? 0) + (counts[1] ?? 0) + (await one.gc())).toBe(2500);
    expect(await left()).toEqual([]);
  });

  it('is the work of the timer', async () => {
    const store = await open({ gcInterval: 20 });
    await store.set('live', { n: 1 });
    for (let round = 0; round < 2; round++) {
      await insert(5, Date.now() - TEN_MINUTES, `round-${round}`);
      await expect.poll(left, { timeout: 15_000 }).toEqual(['live']);
    }
  });

  it('is the work of reads, with gcFrequency', async () => {
    const store = await open({ gcFrequency: 1 });
    await store.set('live', { n: 1 });
    await insert(5, Date.now() - TEN_MINUTES, 'expired');
    await store.get('live');
    await expect.poll(left, { timeout: 15_000 }).toEqual(['live']);
  });

  it.each([
    ['the timer', { gcInterval: 20 }],
    ['a read', { gcFrequency: 1 }],
  ])(
    'spares what expired less than ten minutes ago where %s calls for it, and is exact where the app does',
    async (_, options) => {
      const store = await open(options);
      await insert(3, Date.now() - TEN_MINUTES + 60_000, 'just-expired');
      await insert(3, Date.now() - TEN_MINUTES, 'expired');
      await store.get('none');
      await expect.poll(left, { timeout: 15_000 }).toHaveLength(3);
      for (let read = 0; read < 5; read++) {
        await store.get('none');
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
      expect((await left()).sort()).toEqual(['just-expired-0', 'just-expired-1', 'just-expired-2']);
      expect(await store.gc()).toBe(3);
      expect(await left()).toEqual([]);
    },
  );

  it('happens neither by time nor by reads where both are 0', async () => {
    const store = await open();
    await insert(5, Date.now() - TEN_MINUTES, 'expired');
    for (let read = 0; read < 50; read++) await store.get('none');
    expect(await left()).toHaveLength(5);
  });

  it('tells onError of what fails, and goes on', async () => {
    const heard: Error[] = [];
    await open({ gcInterval: 20, onError: (error: Error) => heard.push(error) });
    await knex().schema.dropTable(TABLE);
    await expect.poll(() => heard.length, { timeout: 15_000 }).toBeGreaterThan(1);
    expect(heard[0]).toEqual(failure('DATABASE'));
    const again = await open();
    await again.waitForSync();
    await insert(5, Date.now() - TEN_MINUTES, 'expired');
    await expect.poll(left, { timeout: 15_000 }).toEqual([]);
  });

  it('stops when the store is closed', async () => {
    const store = await open({ gcInterval: 20, gcFrequency: 1 });
    await store.close();
    await insert(5, Date.now() - TEN_MINUTES, 'expired');
    const other = await open();
    for (let read = 0; read < 50; read++) await other.get('none');
    expect(await left()).toHaveLength(5);
  });
});
