import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describeDatabases } from '@kss/test-kit';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { encryption, KnexSessionStore, type StoreOptions } from '../src/index.js';
import { handleOf } from '../src/sid.js';
import { failure } from './failure.js';
import { textOfRows } from './row-text.js';

const TABLE = 'kss_secrets';
const SID = 'the-sid-of-a-user';
const WORD = 'the word of a user';
const KEY = randomBytes(32);

// What SECURITY.md promises, and where it says that a promise ends.
describeDatabases('a secret', (_, knex) => {
  const stores: KnexSessionStore[] = [];
  const open = (options: StoreOptions = {}) => {
    const store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, syncTimeout: 20_000, ...options });
    stores.push(store);
    return store;
  };
  const rows = async () => textOfRows(await knex()(TABLE).select('*'));
  const textOf = async (sid: string) => (await knex()(TABLE).where({ sid }).first('additional'))?.additional as string;

  beforeEach(() => knex().schema.dropTableIfExists(TABLE));
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const store of stores.splice(0)) await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it('is in no row, where sids are digests and sessions encrypted', async () => {
    const store = open({ hashSid: true, codec: encryption({ keys: [KEY] }) });
    const revision = await store.set(SID, { word: WORD });
    await store.touch(SID, 1000, { path: `/${WORD}` });
    await store.update(SID, { word: WORD, n: 2 }, { revision });
    expect(await rows()).not.toMatch(new RegExp(`${SID}|${WORD}`));
    expect((await store.get(SID))?.word).toBe(WORD);
  });

  it('is not in what is logged by default', async () => {
    const logged: string[] = [];
    vi.spyOn(console, 'error').mockImplementation(
      (...all) => void logged.push(inspect(all, { depth: 9, showHidden: true })),
    );
    const store = open();
    await store.set(SID, {});
    await knex()(TABLE).update({ additional: `{"word":"${WORD}"` });
    expect(await store.get(SID)).toBeNull();
    await store.find('all', { data: true });
    await knex().schema.dropTable(TABLE);
    await expect(store.get(SID)).rejects.toEqual(failure('DATABASE'));
    store.report(await store.destroy(SID).catch((error: unknown) => error));
    expect(logged.length).toBeGreaterThan(1);
    expect(logged.join('\n')).not.toMatch(new RegExp(`${SID}|${WORD}`));
  });

  it('is not in an error of a number that a narrower column of yours cannot hold', async () => {
    const schemas = [{ name: 'n', type: 'integer' }] as const;
    await open().waitForSync();
    await knex().schema.alterTable(TABLE, (table) => void table.specificType('n', 'smallint'));
    const store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, sync: false, schemas });
    for (const sids of [['a'], ['a', 'b', 'c']]) {
      for (const saved of await Promise.allSettled(sids.map((sid) => store.set(sid, { n: 7_654_321 })))) {
        if (saved.status === 'fulfilled') continue; // SQLite's columns are as wide as any
        expect(saved.reason).toEqual(failure('COLUMN_VALUE'));
        expect(inspect(saved.reason, { depth: 9, showHidden: true })).not.toContain('7654321');
      }
    }
    await store.close();
  });

  it('is not in a list, a revision or the store itself', async () => {
    const store = open({ codec: encryption({ keys: [KEY] }) });
    const revision = await store.set(SID, { word: WORD });
    const found = await store.find('all', { current: SID });
    expect(found).toMatchObject([{ handle: handleOf(SID), current: true }]);
    const shown = [found, revision, store].map(
      (one) => inspect(one, { depth: 4, showHidden: true }) + JSON.stringify(one),
    );
    expect(shown.join('\n')).not.toMatch(new RegExp(`${SID}|${WORD}|${KEY.toString('hex')}`));
  });

  it('that was read from the table as a digest opens no session', async () => {
    const store = open({ hashSid: true });
    await store.set(SID, { word: WORD });
    const { sid } = await knex()(TABLE).first('sid');
    for (const one of [String(sid), handleOf(SID), String(sid).replace('sha256.', '')]) {
      expect(await store.get(one)).toBeNull();
      expect(await store.touch(one)).toBe(false);
    }
  });

  it('that is encrypted is guarded against another row, and not against an older text of its own', async () => {
    const store = open({ codec: encryption({ keys: [KEY], plain: 'refuse' }) });
    await store.set('mine', { admin: true });
    const older = await textOf('mine');
    await store.set('mine', { admin: false });
    await store.set('other', { admin: false });
    await knex()(TABLE).update({ additional: older });
    expect(await store.get('mine')).toStrictEqual({ admin: true });
    await expect(store.get('other')).rejects.toEqual(failure('DECRYPT_FAILED'));
  });

  it('is no schema column: those are neither encrypted nor guarded', async () => {
    const store = new KnexSessionStore(knex(), {
      tableName: TABLE,
      gcInterval: 0,
      schemas: [{ name: 'user_id', type: 'string' }],
      codec: encryption({ keys: [KEY], plain: 'refuse' }),
    });
    await store.set('mine', { user_id: 'ada' });
    expect(await rows()).toContain('ada');
    await knex()(TABLE).update({ user_id: 'root' });
    expect(await store.get('mine')).toStrictEqual({ user_id: 'root' });
    await store.close();
  });

  it('that nobody encrypted is read by default, and refused where that is asked for', async () => {
    await open().set('mine', { admin: true });
    expect(await open({ codec: encryption({ keys: [KEY] }) }).get('mine')).toStrictEqual({ admin: true });
    const strict = open({ codec: encryption({ keys: [KEY], plain: 'refuse' }), onError: () => {} });
    await expect(strict.get('mine')).rejects.toEqual(failure('DECRYPT_FAILED'));
  });
});
