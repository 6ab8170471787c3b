import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore, type StoreOptions } from '../src/index.js';
import { partsOf } from '../src/store.js';
import { type Watch, watch } from './watch.js';

const TABLE = 'kss_batch';
const schemas = [
  { name: 'user_id', type: 'string', args: [50] },
  { name: 'seen', type: 'datetime' },
  { name: 'seal', type: 'binary' },
] as const;
type Store = KnexSessionStore<typeof schemas>;

const sidsFrom = (prefix: string, size: number) => Array.from({ length: size }, (_, i) => `${prefix}${i}`);
/** Where a statement's result does not tell which rows it reached, one more asks. */
const asks = (sql: string) => /^select [^,]*sid\W+ as .{3}, .?revision/.test(sql);

describeDatabases('calls of one turn', ({ name }, knex) => {
  const opened: Store[] = [];
  let store: Store;
  let seen: Watch;

  const open = async (options: StoreOptions<typeof schemas> = {}) => {
    const sync = opened.length === 0;
    const one = new KnexSessionStore(knex(), { tableName: TABLE, schemas, gcInterval: 0, sync, ...options });
    opened.push(one);
    await one.waitForSync();
    return one;
  };
  const all = <T>(sids: readonly string[], call: (sid: string, at: number) => Promise<T>) =>
    Promise.all(sids.map(call));
  /** The statements since it was asked last, without those that ask. */
  const sent = () => seen.since().filter((sql) => !asks(sql));

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = await open();
    seen = watch(knex());
  });
  beforeEach(async () => {
    await store.clear();
    seen.since();
  });
  afterEach(async () => {
    for (const one of opened.splice(1)) await one.close();
  });
  afterAll(async () => {
    seen.stop();
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it('go together whatever stands in their keys and values', async () => {
    const odd = ['"', '\\', '"\\"', '{}', '{a,b}', ',', 'NULL', 'null', "'", '\x1f', '\x1e', '%_', '', ' '];
    const sids = odd.map((text, i) => `${i}${text}`);
    const session = (i: number, by: string) => ({
      user_id: `${odd[i]}`,
      text: `${odd[i]}\u0000\u001f`,
      [`${odd[i]}k`]: by,
    });
    await all(sids, (sid, i) => store.set(sid, session(i, 'set')));
    expect(await all(sids, (sid) => store.get(sid))).toStrictEqual(sids.map((_, i) => session(i, 'set')));
    await all(sids, (sid, i) => store.update(sid, session(i, 'update')));
    expect(await all(sids, (sid) => store.touch(sid))).toStrictEqual(sids.map(() => true));
    expect(await all(sids, (sid) => store.get(sid))).toStrictEqual(sids.map((_, i) => session(i, 'update')));
    await all(sids, (sid) => store.destroy(sid));
    expect(await all(sids, (sid) => store.get(sid))).toStrictEqual(sids.map(() => null));
  });

  it('become one statement for each kind, and do what they would do alone', async () => {
    const [touched, updated, ended, read] = ['t', 'u', 'd', 'r'].map((prefix) => sidsFrom(prefix, 20)) as string[][];
    const there = [touched, updated, ended, read].flat() as string[];
    await all(there, (sid) => store.set(sid, { sid }));
    expect(sent()).toHaveLength(1);

    const [sets, updates, touches, ends, reads] = await Promise.all([
      all(sidsFrom('s', 20), (sid) => store.set(sid, { new: sid })),
      all([...(updated as string[]), 'none'], (sid) => store.update(sid, { changed: sid })),
      all([...(touched as string[]), 'nor'], (sid) => store.touch(sid, 1_000_000)),
      all([...(ended as string[]), 'neither'], (sid) => store.destroy(sid)),
      all([...(read as string[]), 'nothing'], (sid) => store.get(sid)),
    ]);
    const statements = seen.since();
    expect(statements.filter((sql) => !asks(sql))).toHaveLength(5);
    expect(statements.length).toBeLessThanOrEqual(name === 'mariadb' || name === 'mysql' ? 7 : 5);

    expect(sets).toHaveLength(20);
    expect(updates.map((revision) => revision !== null)).toStrictEqual([...Array(20).fill(true), false]);
    expect(touches).toStrictEqual([...Array(20).fill(true), false]);
    expect(ends).toStrictEqual(Array(21).fill(undefined));
    expect(reads).toStrictEqual([...(read as string[]).map((sid) => ({ sid })), null]);
    expect(await all(['s7', 'u7', 'd7', 't7'], (sid) => store.get(sid))).toStrictEqual([
      { new: 's7' },
      { changed: 'u7' },
      null,
      { sid: 't7' },
    ]);
    expect(await store.count('all')).toBe(80);
  });

  it('have at most as many sessions in one statement as the option says, and as the database takes', async () => {
    const sizes = [
      [undefined, 250, 3],
      [{ maxSize: 7 }, 100, 15],
      [{ maxSize: 1000 }, 1000, 1],
      [{ maxSize: 1 }, 5, 5],
    ] as const;
    const bounded = name === 'mariadb' || name === 'mysql'; // an update there says of 50 sessions which it reached
    for (const [batch, calls, statements] of sizes) {
      const one = await open({ batch: { ...batch, concurrency: 1 } }); // two inserts at once may deadlock, and be sent again
      const sids = sidsFrom('s', calls);
      const verbs = {
        set: () => all(sids, (sid) => one.set(sid, { sid })),
        update: () => all(sids, (sid) => one.update(sid, { sid, more: true })),
        touch: () => all(sids, (sid) => one.touch(sid, 1_000_000)),
        get: () => all(sids, (sid) => one.get(sid)),
        destroy: () => all(sids, (sid) => one.destroy(sid)),
      };
      for (const [verb, call] of Object.entries(verbs)) {
        seen.since();
        const results: unknown[] = await call();
        const few = bounded && (verb === 'update' || verb === 'touch') && statements * 50 < calls;
        expect([verb, batch, sent().length]).toStrictEqual([verb, batch, few ? calls / 50 : statements]);
        if (verb === 'get') expect(results).toStrictEqual(sids.map((sid) => ({ sid, more: true })));
      }
      expect(await one.count('all')).toBe(0);
    }
  });

  it('send the plain statement for one row, where there is one call of its kind', async () => {
    const { dialect, layout, table, quote } = partsOf(store).place;
    const plain = dialect.statements(layout, table, quote);
    await Promise.all([
      store.set('a', {}),
      store.get('b'),
      store.update('c', {}),
      store.touch('d'),
      store.destroy('e'),
    ]);
    const texts = seen.since().map((sql) => sql.replace(/\$\d+/g, '?'));
    for (const verb of ['read', 'upsert', 'update', 'touch', 'remove'] as const) expect(texts).toContain(plain[verb]);
  });

  it('go with those that are called by the code that runs, where nothing is sent yet', async () => {
    const later = Promise.resolve().then(() => Promise.all([store.set('a', {}), store.set('b', {})]));
    await Promise.all([store.set('c', {}), later]);
    expect(sent()).toHaveLength(1);
  });

  it('leave the event loop its turns, where a database answers at once', async () => {
    let turned = false;
    setTimeout(() => {
      turned = true;
    }, 1);
    let calls = 0;
    while (!turned && calls < 50_000) {
      await store.get('a');
      calls += 1;
    }
    expect(calls).toBeLessThan(50_000);
  });

  it('go with those that are called in the whole turn, where another statement was sent in it', async () => {
    const first = store.get('x');
    await new Promise(process.nextTick); // it is sent
    const later = Promise.resolve().then(() => Promise.all([store.set('a', {}), store.set('b', {})]));
    await Promise.all([store.set('c', {}), later, new Promise(process.nextTick).then(() => store.set('d', {}))]);
    await first;
    expect(sent()).toHaveLength(2);
  });

  it('carry little beside large sessions, in columns and in the text', async () => {
    const large = 'x'.repeat(600_000);
    await all(sidsFrom('t', 4), (sid) => store.set(sid, { large }));
    expect(sent()).toHaveLength(4);
    await all(sidsFrom('b', 4), (sid) => store.set(sid, { seal: Buffer.alloc(60_000), n: large }));
    expect(sent()).toHaveLength(4);
    const wide = await open({ maxSessionBytes: 2 ** 21 });
    await all(sidsFrom('w', 40), (sid) => wide.set(sid, { seal: Buffer.alloc(60_000, 1) }));
    const statements = sent().length;
    expect(statements).toBeGreaterThan(1);
    expect(statements).toBeLessThan(10);
    expect(await wide.get('w39')).toStrictEqual({ seal: Buffer.alloc(60_000, 1) });
  });

  it('share a read of one session, each with an object of its own', async () => {
    const session = { user_id: 'ada', seen: new Date(1e12), seal: Buffer.from('abc'), cart: { items: [1] } };
    await store.set('a', session);
    await store.set('b', session);
    seen.since();
    const got = await all(['a', 'a', 'b', 'a'], (sid) => store.get(sid));
    const [one, ...others] = got as unknown as [typeof session];
    expect(sent()).toHaveLength(1);
    expect([one, ...others]).toStrictEqual([session, session, session, session]);
    one.cart.items.push(2);
    one.seen.setTime(0);
    one.seal.fill(0);
    one.user_id = 'eve';
    expect(others).toStrictEqual([session, session, session]);
  });

  it('do not let a read pass a write of its session, nor a search the writes before it', async () => {
    await store.set('a', { n: 0, user_id: 'ada' });
    const answers = await Promise.all([
      store.get('a'),
      store.set('a', { n: 1, user_id: 'ada' }),
      store.get('a'),
      store.update('a', { n: 2, user_id: 'bob' }),
      store.get('a'),
      store.find({ user_id: 'bob' }, { data: true }).then(([info]) => info?.data),
      store.count({ user_id: 'ada' }),
    ]);
    const ended = await Promise.all([store.destroy('a'), store.get('a'), store.count('all')]);
    expect([...answers, ...ended]).toStrictEqual([
      { n: 0, user_id: 'ada' },
      expect.anything(),
      { n: 1, user_id: 'ada' },
      expect.anything(),
      { n: 2, user_id: 'bob' },
      { n: 2, user_id: 'bob' },
      0,
      undefined,
      null,
      0,
    ]);
  });

  it.each<[string, (one: Store, sid: string) => Promise<unknown>]>([
    ['get', (one, sid) => one.get(sid)],
    ['set', (one, sid) => one.set(sid, {})],
    ['touch with a cookie', (one, sid) => one.touch(sid, 1000, {})],
  ])('are served by turns: a flood of %s starves no call of another kind', async (flooding, flood) => {
    const one = await open({ batch: { maxSize: 3, concurrency: 1 } });
    const begin = seen.sent.length;
    const passed = (call: Promise<unknown>) => call.then(() => seen.sent.length - begin);
    // A search waits for the writes before it, so it comes first.
    const searches = [passed(one.find({ user_id: 'ada' })), passed(one.gc())];
    const flooded = Promise.all(sidsFrom('f', 150).map((sid) => flood(one, sid)));
    const others = [one.update('c', {}), one.touch('d'), one.destroy('e')].map(passed);
    if (flooding !== 'get') others.push(passed(one.get('a')));
    if (flooding !== 'set') others.push(passed(one.set('b', {})));
    // At most two rounds of all kinds, with a statement each that asks which rows were reached; the flood takes 50 and more.
    for (const statements of await Promise.all([...searches, ...others])) expect(statements).toBeLessThanOrEqual(24);
    await flooded;
    expect(seen.sent.length - begin).toBeGreaterThanOrEqual(50);
  });
});

/** A knex whose pool has so many connections, and what its table is in; closed by `end`. */
function pooled(open: (pool: Knex.PoolConfig) => Knex, max: number) {
  const knex = open({ min: 0, max });
  const { pool } = knex.client as { pool: { numUsed(): number } };
  let used = 0;
  knex.on('query', () => {
    used = Math.max(used, pool.numUsed());
  });
  return { knex, used: () => used };
}

describeDatabases(
  'the statements at once',
  (database, direct) => {
    const name = `${TABLE}_pool`;
    beforeAll(async () => {
      await direct().schema.dropTableIfExists(name);
      const maker = new KnexSessionStore(direct(), { tableName: name });
      await maker.waitForSync();
      await maker.close();
    });
    afterAll(async () => {
      await direct().schema.dropTableIfExists(name);
    });

    it.each([
      [1, undefined, 1],
      [2, undefined, 1],
      [3, undefined, 1],
      [5, 10, 2],
      [10, undefined, 4],
      [10, 3, 3],
      [10, 1, 1],
      [20, 50, 10],
    ])(
      'are, of a pool of %i and with a concurrency of %s, at most %i, of all kinds together',
      async (max, concurrency, most) => {
        const { knex, used } = pooled((pool) => database.open({ pool }), max);
        const seen = watch(knex);
        const one = new KnexSessionStore(knex, {
          tableName: name,
          sync: false,
          gcInterval: 0,
          batch: { maxSize: 3, ...(concurrency !== undefined && { concurrency }) },
        });
        const sids = sidsFrom('p', 90);
        await Promise.all([
          one.find('all'),
          one.gc(),
          ...sids.map((sid, i) =>
            [
              () => one.set(sid, {}),
              () => one.get(sid),
              () => one.update(sid, {}),
              () => one.touch(sid),
              () => one.touch(sid, 1000, {}),
              () => one.destroy(sid),
            ][i % 6]?.(),
          ),
        ]);
        expect(seen.most).toBeLessThanOrEqual(most);
        expect(used()).toBeLessThanOrEqual(most);
        expect(used()).toBeGreaterThanOrEqual(Math.min(most, 2));
        await one.close();
        await knex.destroy();
      },
    );
  },
  ['postgres', 'mariadb', 'mysql'],
  { variants: [] },
);
