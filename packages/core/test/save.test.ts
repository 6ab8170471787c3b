import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_save';
const schemas = [{ name: 'user_id', type: 'string', args: [100], index: true }] as const;

function rejection(code: string) {
  return expect.objectContaining({ name: 'KssError', code });
}

describeDatabases('get, set and sids', (_, knex) => {
  let store: KnexSessionStore<typeof schemas>;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), { tableName: TABLE, schemas });
    await store.waitForSync();
  });
  beforeEach(async () => {
    await store.clear();
  });
  afterAll(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  const keys = () => store.repo().pluck('sid') as unknown as Promise<string[]>;
  const row = async () => ((await store.repo())[0] ?? {}) as Record<string, unknown>;

  describe('get and set', () => {
    it('gives back what was saved, fresh and mutable each time', async () => {
      const session = { user_id: 'ada', cart: [1, { n: null }], 'a key': 'ü😀\u0000' };
      await store.set('s1', session);
      const first = await store.get('s1');
      expect(first).toEqual(session);
      expect(first).not.toBe(await store.get('s1'));
      if (first) first.cart = 'changed';
      expect(await store.get('s1')).toEqual(session);
    });

    it('keeps the schema column out of the JSON, and null and absent apart', async () => {
      await store.set('s1', { user_id: 'ada', n: 1 });
      expect(await row()).toMatchObject({ user_id: 'ada', additional: '{"n":1}' });
      await store.set('s1', { user_id: null });
      expect(await store.get('s1')).toEqual({ user_id: null });
      await store.set('s1', {});
      expect(await store.get('s1')).toEqual({});
    });

    it('gives separate objects to reads that were made together', async () => {
      await store.set('s1', { nested: { n: 1 } });
      const [a, b] = await Promise.all([store.get('s1'), store.get('s1')]);
      expect(a).toEqual(b);
      expect(a?.nested).not.toBe(b?.nested);
    });

    it('stores the session of the moment of the call', async () => {
      const session = { list: [1], user_id: 'ada' };
      const saved = store.set('s1', session);
      session.list.push(2);
      session.user_id = 'bob';
      await saved;
      expect(await store.get('s1')).toEqual({ list: [1], user_id: 'ada' });
    });

    it('takes forty first saves of one sid at once', async () => {
      await Promise.all(Array.from({ length: 40 }, (_, n) => store.set('s1', { n })));
      expect(await keys()).toEqual(['s1']);
      expect(await store.get('s1')).toEqual({ n: 39 });
    });

    it('holds a session of 200 KB', async () => {
      const session = { text: 'x\u00fc😀'.repeat(30_000), user_id: 'ada' };
      await store.set('big', session);
      expect(await store.get('big')).toEqual(session);
    });

    it.each(['sid', 'expire_at', 'additional', 'revision', 'created_at', '__proto__', 'constructor', 'toString'])(
      'keeps a session key named %s',
      async (name) => {
        const session = JSON.parse(`{"${name}":{"kept":true},"other":1}`);
        await store.set('s1', session);
        const read = await store.get('s1');
        expect(JSON.stringify(read)).toBe(JSON.stringify(session));
        expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
        expect(({} as Record<string, unknown>).kept).toBeUndefined();
      },
    );

    it('goes through toJSON, of the session and of what is in it', async () => {
      const cookie = { toJSON: () => ({ path: '/' }), secret: 1 };
      await store.set('s1', { toJSON: () => ({ cookie, when: new Date(0) }), hidden: true });
      expect(await store.get('s1')).toEqual({ cookie: { path: '/' }, when: '1970-01-01T00:00:00.000Z' });
    });

    it('refuses what JSON cannot hold, and leaves what is stored', async () => {
      const circle: Record<string, unknown> = {};
      circle.self = circle;
      await store.set('s1', { kept: true });
      await expect(store.set('s1', circle)).rejects.toEqual(rejection('UNSERIALIZABLE'));
      await expect(store.set('s1', { n: 1n })).rejects.toEqual(rejection('UNSERIALIZABLE'));
      await expect(store.set('s1', null as unknown as object)).rejects.toEqual(rejection('UNSERIALIZABLE'));
      expect(await store.get('s1')).toEqual({ kept: true });
    });

    it('refuses what a column cannot hold by name, and leaves what is stored', async () => {
      await store.set('s1', { user_id: 'ada' });
      for (const user_id of ['x'.repeat(101), 'nul\0', '\ud800', 7, true, {}, new Date()]) {
        const wrong = store.set('s1', { user_id } as { user_id: string });
        await expect(wrong).rejects.toThrow(/user_id/);
        await expect(wrong).rejects.toEqual(rejection('COLUMN_VALUE'));
      }
      expect(await store.get('s1')).toEqual({ user_id: 'ada' });
      await store.set('s1', { user_id: '😀'.repeat(100) });
    });
  });

  describe('sids', () => {
    const odd = ["a'b", 'a"b', 'a`b', 'a\\b', 'a;--', '%', '_', '?', '??', ':x', '$1', 'ü', '😀', 'a\0b', 'a b', ' '];
    const sids = [
      ...odd,
      'abc',
      'ABC',
      'abc ',
      ' abc',
      'abć',
      'sha256.x',
      'x'.repeat(255),
      'x'.repeat(8000),
      `${'x'.repeat(7999)}y`,
    ];

    it('tells all of them apart, byte for byte', async () => {
      await Promise.all(sids.map((sid, n) => store.set(sid, { n })));
      for (const [n, sid] of sids.entries())
        expect([sid.slice(0, 10), await store.get(sid)]).toEqual([sid.slice(0, 10), { n }]);
      expect(await store.count('all')).toBe(sids.length);
      await store.destroy('abc');
      expect(await store.get('abc')).toBeNull();
      expect(await store.get('ABC')).not.toBeNull();
      expect(await store.get('abc ')).not.toBeNull();
    });

    it.each([[''], ['\ud800'], [['s1']], [{ toString: () => 's1' }], [null], [undefined], [7]])(
      'refuses %j in every verb, before any query',
      async (bad) => {
        const queries: unknown[] = [];
        const count = (query: unknown) => queries.push(query);
        knex().on('query', count);
        const sid = bad as string;
        const calls = [
          store.get(sid),
          store.load(sid),
          store.set(sid, {}),
          store.update(sid, {}),
          store.touch(sid),
          store.destroy(sid),
        ];
        for (const call of calls) await expect(call).rejects.toEqual(rejection('INVALID_SID'));
        knex().removeListener('query', count);
        expect(queries).toEqual([]);
      },
    );

    it('does not open a session by the digest that the table holds', async () => {
      await store.set('with space', { n: 1 });
      const [key = ''] = await keys();
      expect(key).toMatch(/^sha256\./);
      expect(await store.get(key)).toBeNull();
    });
  });
});
