import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore, type StoreOptions } from '../src/index.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_conflict';
const SCHEMAS = [
  { name: 'user_id', type: 'string' },
  { name: 'seen', type: 'datetime' },
] as const;

describeDatabases('two requests that change one session', (_, knex) => {
  const stores: { close(): Promise<void> }[] = [];
  const open = (options: Pick<StoreOptions, 'onConflict' | 'batch'> = {}) => {
    const store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, schemas: SCHEMAS, ...options });
    stores.push(store);
    return store;
  };
  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await knex().schema.dropTableIfExists(TABLE);
  });

  /** Two processes load the same session. */
  const both = async (sid: string, session: object, options: Parameters<typeof open>[0] = {}) => {
    const [one, other] = [open(options), open(options)];
    await one.set(sid, session);
    const [first, second] = [await one.load(sid), await other.load(sid)];
    if (first === null || second === null) throw new Error('It was not there.');
    return {
      session: () => one.get(sid),
      one: (changed: object) => one.update(sid, changed, { revision: first.revision }),
      other: (changed: object) => other.update(sid, changed, { revision: second.revision }),
      store: one,
    };
  };

  it.each([{}, { batch: false as const }])('both keep their change (%j)', async (options) => {
    const at = new Date('2026-01-02T03:04:05.678Z');
    const { one, other, session } = await both(
      'keep',
      { a: 1, b: { c: 1, d: 1 }, gone: true, user_id: 'ada' },
      options,
    );
    await one({ a: 2, b: { c: 1, d: 1 }, gone: true, user_id: 'ada', seen: at });
    await other({ a: 1, b: { c: 1, d: 1 }, user_id: 'bob', n: 1 });
    expect(await session()).toStrictEqual({ a: 2, b: { c: 1, d: 1 }, user_id: 'bob', n: 1, seen: at });
  });

  it('the later save wins a key that both changed, and nested objects go as a whole', async () => {
    const { one, other, session } = await both('same', { a: 1, b: { c: 1, d: 1 } });
    await one({ a: 2, b: { c: 2, d: 1 } });
    await other({ a: 3, b: { c: 1, d: 2 } });
    expect(await session()).toStrictEqual({ a: 3, b: { c: 1, d: 2 } });
  });

  it('a save after a merge takes nothing back', async () => {
    const { one, other, session, store } = await both('again', { a: 1, b: 1 });
    await one({ a: 2, b: 1 });
    const revision = await other({ a: 1, b: 2 });
    expect(revision).not.toBeNull();
    // The second request still has its own view, in which `a` is 1.
    if (revision !== null) await store.update('again', { a: 1, b: 3 }, { revision });
    expect(await session()).toStrictEqual({ a: 2, b: 3 });
  });

  it('a gone session stays gone, and one that was born under its sid stays as it is', async () => {
    const { one, other, store } = await both('reborn', { a: 1 });
    await store.destroy('reborn');
    expect(await one({ a: 2 })).toBeNull();
    await store.set('reborn', { z: 1 });
    expect(await other({ a: 3 })).toBeNull();
    expect(await store.get('reborn')).toStrictEqual({ z: 1 });
  });

  it('is refused where the app says so, and nothing changes', async () => {
    const { one, other, session } = await both('reject', { a: 1 }, { onConflict: 'reject' });
    const revision = await one({ a: 2 });
    expect(revision).not.toBeNull();
    await expect(other({ a: 3 })).rejects.toEqual(failure('CONFLICT', 'Load it again'));
    expect(await session()).toStrictEqual({ a: 2 });
  });

  it('the later save wins as a whole where the app says so', async () => {
    const { one, other, session } = await both('overwrite', { a: 1, b: 1 }, { onConflict: 'overwrite' });
    await one({ a: 2, b: 1 });
    await other({ a: 1, b: 2 });
    expect(await session()).toStrictEqual({ a: 1, b: 2 });
  });

  it('saves that one request does not wait for count as its own, in their order', async () => {
    const store = open();
    await store.set('own', { user: 'nobody', k: 1, left: 1 });
    const loaded = await store.load('own');
    if (loaded === null) throw new Error('It was not there.');
    const { revision } = loaded;
    await Promise.all([
      store.update('own', { user: 'ada', k: 2, left: 1 }, { revision }),
      store.update('own', { k: 1, left: 1 }, { revision }),
    ]);
    expect(await store.get('own')).toStrictEqual({ k: 1, left: 1 });
    const strict = open({ onConflict: 'reject' });
    const again = await strict.load('own');
    if (again === null) throw new Error('It was not there.');
    await Promise.all([2, 3].map((k) => strict.update('own', { k }, { revision: again.revision })));
    expect(await strict.get('own')).toStrictEqual({ k: 3 });
  });

  it.each(['load', 'set', 'update'] as const)(
    'leaves every kind of column as it was, with a revision of %s',
    async (from) => {
      const schemas = [
        { name: 'c_json', type: 'json' },
        { name: 'c_binary', type: 'binary' },
        { name: 'c_seen', type: 'datetime' },
        { name: 'c_big', type: 'bigInteger' },
        { name: 'c_yes', type: 'boolean' },
        { name: 'c_score', type: 'float' },
        { name: 'c_from', type: 'string', from: (session: object) => (Object.hasOwn(session, 'one') ? 'has' : 'none') },
      ] as const;
      const table = `${TABLE}_columns`;
      await knex().schema.dropTableIfExists(table);
      const [mine, theirs] = [0, 1].map(
        () => new KnexSessionStore(knex(), { tableName: table, gcInterval: 0, schemas }),
      ) as [KnexSessionStore<typeof schemas>, KnexSessionStore<typeof schemas>];
      const session = {
        c_json: { x: [1, 'two', null] },
        c_binary: Buffer.from([0, 255, 1]),
        c_seen: new Date('2026-01-02T03:04:05.678Z'),
        c_big: '9007199254740993',
        c_yes: false,
        c_score: 0.1,
      };
      const first = await mine.set('a', session);
      const revision =
        from === 'set'
          ? first
          : from === 'update'
            ? await mine.update('a', session, { revision: first })
            : (await mine.load('a'))?.revision;
      const other = await theirs.load('a');
      if (!revision || other === null) throw new Error('It was not there.');
      await theirs.update('a', { ...other.session, one: 1 }, { revision: other.revision });
      await mine.update('a', { ...session, two: 2 }, { revision });
      expect(await mine.get('a')).toStrictEqual({ ...session, one: 1, two: 2 });
      expect(await mine.find({ c_from: 'has' })).toHaveLength(1);
      await Promise.all([mine.close(), theirs.close()]);
      await knex().schema.dropTable(table);
    },
  );

  it('a hundred requests on one session lose nothing', async () => {
    const processes = [open(), open(), open()];
    const [first] = processes;
    await first?.set('many', {});
    await Promise.all(
      Array.from({ length: 99 }, async (_unused, i) => {
        const store = processes[i % 3] ?? open();
        for (;;) {
          const loaded = await store.load('many');
          if (loaded === null) throw new Error('It was lost.');
          const saved = { ...loaded.session, [`k${i}`]: i };
          try {
            expect(await store.update('many', saved, { revision: loaded.revision })).not.toBeNull();
            return;
          } catch (error) {
            expect(error).toEqual(failure('CONFLICT')); // asks to try again
          }
        }
      }),
    );
    expect(Object.keys((await first?.get('many')) ?? {})).toHaveLength(99);
  });
});
