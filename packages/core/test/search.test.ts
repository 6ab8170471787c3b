import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { handleOf } from '../src/sid.js';

const TABLE = 'kss_search';
const schemas = [
  { name: 'user_id', type: 'string', args: [100], index: true },
  { name: 'level', type: 'integer' },
  { name: 'account', type: 'string', from: 'passport.user' },
  { name: 'prefs', type: 'json' },
] as const;

function rejection(code: string) {
  return expect.objectContaining({ name: 'KssError', code });
}

describeDatabases('find, count and destroyWhere', (_, knex) => {
  let store: KnexSessionStore<typeof schemas>;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), { tableName: TABLE, schemas, timestamps: true });
    await store.waitForSync();
  });
  beforeEach(async () => {
    await store.clear();
  });
  afterAll(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  const fill = async () => {
    await store.set('a1', { user_id: 'ada', level: 1 }, 10_000);
    await store.set('a2', { user_id: 'ada', level: 2, n: 1 }, 20_000);
    await store.set('a3', { user_id: 'ada', level: 3 }, -1);
    await store.set('b1', { user_id: 'bob', level: 1 }, 30_000);
    await store.set('n1', { level: 9 }, 40_000);
  };
  const handles = (infos: readonly { handle: string }[]) => infos.map(({ handle }) => handle).sort();
  const of = (...sids: string[]) => sids.map(handleOf).sort();

  describe('find', () => {
    beforeEach(fill);

    it('lists the live sessions of an account, and never a sid', async () => {
      const found = await store.find({ user_id: 'ada' }, { current: 'a2' });
      expect(handles(found)).toEqual(of('a1', 'a2'));
      expect(found.filter(({ current }) => current)).toMatchObject([
        { handle: handleOf('a2'), columns: { user_id: 'ada', level: 2, account: null, prefs: null } },
      ]);
      for (const info of found) {
        expect(info.expiresAt).toBeInstanceOf(Date);
        expect(Math.abs(Date.now() - Number(info.createdAt))).toBeLessThan(60_000);
        expect(info.updatedAt).toBeInstanceOf(Date);
        expect(info).not.toHaveProperty('data');
      }
      expect(JSON.stringify(found)).not.toMatch(/"a[12]"/);
    });

    it('gives the session itself where data is asked for', async () => {
      const [info] = await store.find({ level: 2 }, { data: true });
      expect(info?.data).toEqual({ user_id: 'ada', level: 2, n: 1 });
    });

    it('takes an array for any of, null for none, and all columns together', async () => {
      expect(handles(await store.find({ user_id: ['ada', 'bob'] }))).toEqual(of('a1', 'a2', 'b1'));
      expect(handles(await store.find({ user_id: null }))).toEqual(of('n1'));
      expect(handles(await store.find({ user_id: ['bob', null] }))).toEqual(of('b1', 'n1'));
      expect(handles(await store.find({ user_id: 'ada', level: [2, 3] }))).toEqual(of('a2'));
      expect(await store.find({ user_id: 'nobody' })).toEqual([]);
    });

    it('compares byte for byte', async () => {
      const names = ['bob', 'BOB', 'bob ', ' bob', 'bób', 'bo%', "bob' or '1'='1", 'bob\\', ''];
      for (const [n, user_id] of names.entries()) await store.set(`name${n}`, { user_id });
      await store.destroy('b1');
      for (const [n, user_id] of names.entries())
        expect(handles(await store.find({ user_id }))).toEqual(of(`name${n}`));
      for (const user_id of names) expect(await store.destroyWhere({ user_id })).toBe(1);
    });

    it('orders and limits: the newest first, a hundred at most', async () => {
      const order = async (...options: Parameters<typeof store.find>[1][]) =>
        (await store.find('all', ...options)).map(({ columns }) => columns.level);
      await store.repo().where('sid', 'b1').update({ created_at: 1 });
      await store.repo().where('sid', 'n1').update({ created_at: 8.64e15 });
      expect((await order())[0]).toBe(9);
      expect((await order()).at(-1)).toBe(1);
      expect(await order({ orderBy: { column: 'expiresAt', direction: 'asc' } })).toEqual([1, 2, 1, 9]);
      expect(await order({ orderBy: { column: 'level' }, limit: 2 })).toEqual([9, 2]);
      for (let n = 0; n < 110; n++) await store.set(`many${n}`, { level: 1 });
      expect(await store.find('all')).toHaveLength(100);
      expect(await store.find('all', { limit: Number.POSITIVE_INFINITY })).toHaveLength(114);
    });

    it('narrows by a callback, and by nothing but its conditions', async () => {
      expect(handles(await store.find((q) => q.where('level', '>', 1).orWhere('user_id', 'bob')))).toEqual(
        of('a2', 'b1', 'n1'),
      );
      expect(handles(await store.find((q) => q.whereRaw('1 = 1').orWhereRaw('1 = 1').limit(1)))).toHaveLength(4);
      let calls = 0;
      const once = (q: { where(column: string, value: number): unknown }) =>
        calls++ === 0 ? q.where('level', 9) : undefined;
      expect(await store.count(once as never)).toBe(1);
      expect(calls).toBe(1);
    });

    it('searches what a path leads to, and leaves it in the session', async () => {
      await store.set('p1', { passport: { user: 'eve' } });
      const [info] = await store.find({ account: 'eve' }, { data: true });
      expect(info?.data).toEqual({ passport: { user: 'eve' } });
      expect(info?.columns.account).toBe('eve');
      await store.update('p1', { passport: {} });
      expect(await store.find({ account: 'eve' })).toEqual([]);
    });
  });

  it('counts the live sessions', async () => {
    await fill();
    expect(await store.count({ user_id: 'ada' })).toBe(2);
    expect(await store.count('all')).toBe(4);
    expect(await store.count((q) => q.where('level', 1))).toBe(2);
  });

  describe('destroyWhere', () => {
    beforeEach(fill);

    it('ends all sessions of an account but one', async () => {
      expect(await store.destroyWhere({ user_id: 'ada' }, { except: 'a2' })).toBe(1);
      expect(handles(await store.find('all'))).toEqual(of('a2', 'b1', 'n1'));
    });

    it('ends one by its handle, among those that are meant and no others', async () => {
      expect(await store.destroyWhere({ user_id: 'ada' }, { handle: handleOf('b1') })).toBe(0);
      expect(await store.destroyWhere({ user_id: 'ada' }, { handle: 'nonsense' })).toBe(0);
      expect(await store.destroyWhere({ user_id: 'ada' }, { handle: handleOf('a1') })).toBe(1);
      expect(await store.destroyWhere({ user_id: 'ada' }, { handle: handleOf('a2'), except: 'a2' })).toBe(0);
      expect(handles(await store.find('all'))).toEqual(of('a2', 'b1', 'n1'));
    });

    it('is over before a count that is called after it, though a lock holds it back', async () => {
      const trx = await knex().transaction();
      await trx(TABLE).where('sid', 'a1').update({ level: 5 });
      const ended = store.destroyWhere({ user_id: 'ada' });
      const counted = store.count({ user_id: 'ada' });
      await new Promise((resolve) => setTimeout(resolve, 300)); // what does not wait would have counted by then
      await trx.rollback();
      expect(await counted).toBe(0);
      expect(await ended).toBe(2);
    });

    it('finds a sid that the table keeps as a digest', async () => {
      await store.set('with space', { user_id: 'ada' });
      expect(await store.destroyWhere({ user_id: 'ada' }, { except: 'with space' })).toBe(2);
      expect(await store.destroyWhere({ user_id: 'ada' }, { handle: handleOf('with space') })).toBe(1);
    });

    it("runs in the app's transaction, and is undone with it", async () => {
      const undone = knex().transaction(async (trx) => {
        expect(await store.destroyWhere({ user_id: 'ada' }, { trx })).toBe(2);
        expect(await store.repo(trx).where('user_id', 'ada')).toHaveLength(1);
        throw new Error('undo');
      });
      await expect(undone).rejects.toThrow('undo');
      expect(await store.count({ user_id: 'ada' })).toBe(2);
    });

    it.each([
      ['an empty record', {}],
      ['an undefined value', { user_id: undefined }],
      ['an empty array', { user_id: [] }],
      ['an undefined in an array', { user_id: ['ada', undefined] }],
      ['a callback that adds nothing', () => {}],
      ['a callback that only orders', (q: { orderBy(column: string): unknown }) => q.orderBy('sid')],
      ["'all'", 'all'],
      ['undefined', undefined],
      ['null', null],
      ['an array', [['user_id', 'ada']]],
    ])('refuses %s, and ends nothing', async (_what, where) => {
      await expect(store.destroyWhere(where as never)).rejects.toEqual(rejection('EMPTY_CRITERIA'));
      expect(await store.count('all')).toBe(4);
    });

    it.each([['handle'], ['except'], ['trx']])('refuses an option %s that is there and undefined', async (name) => {
      const call = store.destroyWhere({ user_id: 'ada' }, { [name]: undefined });
      await expect(call).rejects.toEqual(rejection('EMPTY_CRITERIA'));
      expect(await store.count('all')).toBe(4);
    });

    it.each([
      ['an unknown column', { userid: 'ada' }, 'INVALID_OPTION', /did you mean user_id/],
      ['a column of our own', { sid: 'a1' }, 'INVALID_OPTION', /no schema column/],
      ['a JSON column', { prefs: {} }, 'INVALID_OPTION', /JSON/],
      ['a value of another type', { level: 'one' }, 'COLUMN_VALUE', /level/],
      ['an object as a value', { user_id: { '!=': 'x' } }, 'COLUMN_VALUE', /user_id/],
    ])('refuses %s', async (_what, where, code, message) => {
      const call = store.destroyWhere(where as never);
      await expect(call).rejects.toEqual(rejection(code));
      await expect(call).rejects.toThrow(message);
      expect(await store.count('all')).toBe(4);
    });

    it('refuses options that there are not, and a callback that throws', async () => {
      const misspelt = store.destroyWhere({ user_id: 'ada' }, { exept: 'a1' } as never);
      await expect(misspelt).rejects.toThrow(/did you mean except/);
      const thrown = store.find(() => {
        throw new Error('mine');
      });
      await expect(thrown).rejects.toEqual(rejection('INVALID_OPTION'));
    });
  });
});
