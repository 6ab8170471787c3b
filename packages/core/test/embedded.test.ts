import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { databases } from '@kss/test-kit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { folder } from './child.js';
import { failure } from './failure.js';
import { betterProblem, nodeHasSqlite, readFile } from './sqlite-drivers.js';

/** Every verb, with arguments that suit it. */
const VERBS: readonly (readonly [name: string, call: (store: KnexSessionStore) => Promise<unknown>])[] = [
  ['waitForSync', (store) => store.waitForSync()],
  ['get', (store) => store.get('a')],
  ['load', (store) => store.load('a')],
  ['set', (store) => store.set('a', {})],
  ['update', (store) => store.update('a', {})],
  ['touch', (store) => store.touch('a')],
  ['touch with a cookie', (store) => store.touch('a', 1000, {})],
  ['destroy', (store) => store.destroy('a')],
  ['find', (store) => store.find('all')],
  ['count', (store) => store.count('all')],
  ['destroyWhere', (store) => store.destroyWhere((query) => query.whereNotNull('sid'))],
  ['gc', (store) => store.gc()],
  ['clear', (store) => store.clear()],
];

describe.skipIf(betterProblem !== undefined && !nodeHasSqlite)('the embedded store', () => {
  let place: Awaited<ReturnType<typeof folder>>;
  let filename: string;

  beforeEach(async () => {
    place = await folder();
    filename = join(place.path, 'sessions.sqlite');
  });
  afterEach(() => place.remove());

  it('is of better-sqlite3 where that works, and else of Node', async () => {
    const store = new KnexSessionStore(undefined, { filename });
    expect(store.repo().client.driverName).toBe(betterProblem === undefined ? 'better-sqlite3' : 'node:sqlite');
    await store.close();
  });

  it('keeps its sessions in the file, in WAL mode', async () => {
    const store = new KnexSessionStore(undefined, { filename });
    await store.set('a', { n: 1 });
    expect(existsSync(filename)).toBe(true);
    expect(readFile(filename, 'pragma journal_mode')).toEqual([{ journal_mode: 'wal' }]);
    expect(readFile(filename, 'select sid, additional from sessions')).toEqual([{ sid: 'a', additional: '{"n":1}' }]);
    expect(await store.repo().client.raw('pragma synchronous')).toEqual([{ synchronous: 1 }]);
    expect(await store.repo().client.raw('pragma busy_timeout')).toEqual([{ timeout: 1000 }]);
    await store.close();
  });

  it('is read by a second store of the same file while it is open, and after it was closed', async () => {
    const [one, other] = [new KnexSessionStore(undefined, { filename }), new KnexSessionStore(undefined, { filename })];
    await one.set('a', { n: 1 });
    expect(await other.get('a')).toStrictEqual({ n: 1 });
    await one.close();
    await other.set('a', { n: 2 });
    await other.close();
    const third = new KnexSessionStore(undefined, { filename });
    expect(await third.get('a')).toStrictEqual({ n: 2 });
    await third.close();
  });

  it('takes saves of two stores of one file at once', async () => {
    const stores = [new KnexSessionStore(undefined, { filename }), new KnexSessionStore(undefined, { filename })];
    await Promise.all(Array.from({ length: 200 }, (_, i) => stores[i % 2]?.set(`sid-${i % 50}`, { i })));
    expect(await Promise.all(stores.map((store) => store.count('all')))).toEqual([50, 50]);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('writes what was called before close, and rejects what is called after', async () => {
    const store = new KnexSessionStore(undefined, { filename });
    const saves = Array.from({ length: 50 }, (_, i) => store.set(`sid-${i}`, { i }));
    const closed = store.close();
    for (const [name, call] of VERBS) await expect(call(store), name).rejects.toEqual(failure('CLOSED'));
    expect(() => store.repo()).toThrow(failure('CLOSED'));
    await Promise.all(saves);
    await closed;
    for (const [name, call] of VERBS) await expect(call(store), name).rejects.toEqual(failure('CLOSED'));
    expect(readFile(filename, 'select count(*) as n from sessions')).toEqual([{ n: 50 }]);
  });

  it('closes once, however often it is asked', async () => {
    const store = new KnexSessionStore(undefined, { filename });
    await store.set('a', {});
    const [one, other] = [store.close(), store.close()];
    await Promise.all([one, other]);
    await store.close();
    await store[Symbol.asyncDispose]();
  });

  it('closes at once where nothing was called yet', async () => {
    await new KnexSessionStore(undefined, { filename }).close();
    const store = new KnexSessionStore(undefined, { filename });
    await store.set('a', { n: 1 });
    expect(await store.get('a')).toStrictEqual({ n: 1 });
    await store.close();
  });

  it('closes at the end of its block', async () => {
    let kept: KnexSessionStore | undefined;
    {
      await using store = new KnexSessionStore(undefined, { filename });
      await store.set('a', { n: 1 });
      kept = store;
    }
    await expect(kept.get('a')).rejects.toEqual(failure('CLOSED'));
  });

  it('says what is wrong where the file cannot be made', async () => {
    const heard: Error[] = [];
    const store = new KnexSessionStore(undefined, {
      filename: join(place.path, 'no', 'such', 'folder.sqlite'),
      onError: (error) => heard.push(error),
    });
    await expect(store.get('a')).rejects.toEqual(failure('DATABASE'));
    expect(heard).toEqual([failure('DATABASE')]);
    await store.close();
  });

  it('is one with a knex, or with a file, and not with both', () => {
    const knex = databases[0]?.open();
    expect(() => new KnexSessionStore(knex, { filename })).toThrow(failure('INVALID_OPTION', 'filename'));
    expect(existsSync(filename)).toBe(false);
  });
});
