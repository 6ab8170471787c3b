import { describeDatabases } from '@kss/test-kit';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_hash_sid';

describeDatabases('a table that begins to keep digests only', ({ name }, knex) => {
  const stores: { close(): Promise<void> }[] = [];
  const clean = async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex().schema.dropTableIfExists(TABLE);
  };
  beforeAll(clean);
  afterEach(clean);

  const open = (hashSid: boolean) => {
    const store = new KnexSessionStore(knex(), {
      tableName: TABLE,
      gcInterval: 0,
      hashSid,
      schemas: [{ name: 'user_id', type: 'string' }],
    });
    stores.push(store);
    return store;
  };
  const keys = async () => (await knex()(TABLE).select('sid').orderBy('sid')).map(({ sid }) => String(sid));

  /** The table is the app's, and so may be its rules. */
  const refuseDigests = async () => {
    if (name !== 'sqlite')
      return knex().raw("alter table ?? add constraint plain check (sid not like 'sha256.%')", [TABLE]);
    const when = "before update on ?? when new.sid like 'sha256.%'";
    return knex().raw(`create trigger plain ${when} begin select raise(abort, 'no digest'); end`, [TABLE]);
  };

  it('keeps no sid of a new session, and finds it', async () => {
    const store = open(true);
    await store.set('secret', { user_id: 'ada', n: 1 });
    expect(await keys()).toStrictEqual([expect.stringMatching(/^sha256\.[\w-]{43}$/)]);
    expect(await store.get('secret')).toStrictEqual({ user_id: 'ada', n: 1 });
    const [key] = await keys();
    expect(await store.get(String(key))).toBeNull();
  });

  it.each(['get', 'set', 'touch', 'update', 'destroy'] as const)(
    '%s finds a row of before, and upgrades it',
    async (verb) => {
      const before = open(false);
      await before.set('old', { user_id: 'ada', n: 1 });
      const [mine] = await before.find('all');
      const store = open(true);
      if (verb === 'get') expect(await store.get('old')).toStrictEqual({ user_id: 'ada', n: 1 });
      else if (verb === 'set') await store.set('old', { user_id: 'ada', n: 2 });
      else if (verb === 'touch') expect(await store.touch('old')).toBe(true);
      else if (verb === 'update') expect(await store.update('old', { user_id: 'ada', n: 3 })).not.toBeNull();
      else await store.destroy('old');
      const left = await keys();
      expect(left).toStrictEqual(verb === 'destroy' ? [] : [expect.stringMatching(/^sha256\./)]);
      if (verb === 'destroy') return;
      expect((await store.find('all', { current: 'old' }))[0]).toMatchObject({ handle: mine?.handle, current: true });
      expect(await before.get('old')).toBeNull();
    },
  );

  it('spares the session of the request under either key', async () => {
    const before = open(false);
    for (const sid of ['one', 'two', 'three']) await before.set(sid, { user_id: 'ada' });
    const store = open(true);
    expect(await store.destroyWhere({ user_id: 'ada' }, { except: 'two' })).toBe(2);
    expect(await store.get('two')).toStrictEqual({ user_id: 'ada' });
    await store.set('four', { user_id: 'ada' });
    expect(await store.destroyWhere({ user_id: 'ada' }, { except: 'two' })).toBe(1);
    expect(await keys()).toHaveLength(1);
  });

  it('ends one by its handle under either key', async () => {
    const before = open(false);
    await before.set('one', { user_id: 'ada' });
    const [{ handle } = { handle: '' }] = await before.find('all');
    const store = open(true);
    expect(await store.destroyWhere({ user_id: 'ada' }, { handle })).toBe(1);
    expect(await keys()).toStrictEqual([]);
  });

  it('ends both rows where a sid has one under either key', async () => {
    await open(true).set('two', { n: 'new' });
    await open(false).set('two', { n: 'old' });
    expect(await open(true).get('two')).toStrictEqual({ n: 'new' });
    expect(await keys()).toHaveLength(1);
    await open(false).set('two', { n: 'old' });
    const store = open(true);
    await store.destroy('two');
    expect(await keys()).toStrictEqual([]);
    expect(await open(true).get('two')).toBeNull();
  });

  it('sends no second statement once all rows are upgraded', async () => {
    const store = open(true);
    await store.set('new', { n: 1 });
    await store.gc();
    const sent: string[] = [];
    const hear = ({ sql }: { sql: string }) => sent.push(sql);
    knex().on('query', hear);
    expect(await store.get('new')).toStrictEqual({ n: 1 });
    knex().removeListener('query', hear);
    expect(sent).toHaveLength(1);
  });

  it.each(['destroyWhere', 'clear'] as const)('%s ends what was saved before it was called', async (verb) => {
    const before = open(false);
    await before.set('old', { user_id: 'ada', n: 1 });
    const store = open(true);
    await store.waitForSync();
    const saved = [store.set('old', { user_id: 'ada', n: 2 }), store.set('new', { user_id: 'ada' })];
    const ended = verb === 'clear' ? store.clear() : store.destroyWhere({ user_id: 'ada' });
    await Promise.all(saved);
    expect(await ended).toBe(2);
    expect(await keys()).toStrictEqual([]);
  });

  it('find and count see what was saved before they were called', async () => {
    const store = open(true);
    await store.waitForSync();
    const calls = [store.set('a', {}), store.set('b', {}), store.find('all'), store.count('all')];
    const [, , found, count] = await Promise.all(calls);
    expect([(found as unknown[]).length, count]).toStrictEqual([2, 2]);
  });

  it('fails a call whose row cannot be upgraded: the session is not gone', async () => {
    const before = open(false);
    await before.set('old', { user_id: 'ada', n: 1 });
    const loaded = await before.load('old');
    const store = open(true);
    await store.waitForSync();
    await refuseDigests();
    const calls = [
      store.get('old'),
      store.get('old'),
      store.update('old', { n: 2 }),
      store.update('old', { n: 2 }, { revision: loaded?.revision }),
      store.touch('old'),
      store.touch('old', 1_000_000, { path: '/' }),
      store.destroy('old'),
    ];
    const results = await Promise.allSettled(calls);
    expect(results.map(({ status }) => status)).toStrictEqual(calls.map(() => 'rejected'));
    expect(new Set(results.map((result) => (result as PromiseRejectedResult).reason)).size).toBe(calls.length);
    expect(await before.get('old')).toStrictEqual({ user_id: 'ada', n: 1 });
  });

  it('still refuses what is no sid', async () => {
    await expect(open(true).get('')).rejects.toEqual(failure('INVALID_SID'));
  });
});
