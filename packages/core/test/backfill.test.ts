import { deepStrictEqual } from 'node:assert';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  addColumnsMigration,
  type BackfillProgress,
  backfill,
  createSessionTable,
  encryption,
  KnexSessionStore,
} from '../src/index.js';
import type { SchemaField, StoreOptions } from '../src/types.js';
import { anySession, everyColumn } from './every-column.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_backfill';
const USER: SchemaField = { name: 'user_id', type: 'string', args: [20], index: true };
const LEVEL: SchemaField = { name: 'level', type: 'integer' };
const NONE: BackfillProgress = { seen: 0, filled: 0, missed: 0, failed: 0 };
const asJson = (session: object) => JSON.parse(JSON.stringify(session)) as object;

describeDatabases('backfill', ({ name }, knex) => {
  const stores: { close(): Promise<void> }[] = [];
  const clean = async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex().schema.dropTableIfExists(TABLE);
  };
  beforeAll(clean);
  afterEach(clean);

  const heard: Error[] = [];
  const open = (schemas: readonly SchemaField[], options: StoreOptions = {}) => {
    const store = new KnexSessionStore<readonly SchemaField[]>(knex(), {
      tableName: TABLE,
      timestamps: true,
      sync: false,
      gcInterval: 0,
      onError: (error) => heard.push(error),
      ...options,
      schemas,
    });
    stores.push(store);
    return store;
  };
  /** The table without columns, its sessions, and then the columns. */
  const addedTo = async (sessions: Readonly<Record<string, object>>, schemas: readonly SchemaField[]) => {
    heard.length = 0;
    await createSessionTable(knex(), { tableName: TABLE, timestamps: true });
    const old = open([]);
    await Promise.all(Object.entries(sessions).map(([sid, session]) => old.set(sid, session)));
    await addColumnsMigration<readonly SchemaField[]>(
      { tableName: TABLE, timestamps: true, schemas },
      schemas.map((field) => field.name),
    ).up(knex());
    return { old, added: open(schemas) };
  };
  const rows = (...columns: string[]) =>
    knex()(TABLE)
      .orderBy('sid')
      .select('sid', ...columns) as Promise<object[]>;
  const UNTOUCHED = ['expire_at', 'created_at', 'updated_at'];

  it('fills the columns of the sessions that live, and changes nothing else', async () => {
    const { old, added } = await addedTo(
      { a: { user_id: 'ada', level: 3, n: 1 }, b: { user_id: 'bob' }, c: { n: 3 }, d: { user_id: null, level: 0 } },
      [USER, LEVEL],
    );
    await old.set('over', { user_id: 'eve' }, -1);
    const before = await rows(...UNTOUCHED);
    expect(await added.count({ user_id: 'ada' })).toBe(0);

    expect(await backfill(added)).toEqual({ seen: 4, filled: 3, missed: 0, failed: 0 });
    expect(await rows(...UNTOUCHED)).toEqual(before);
    expect(await rows('user_id', 'level')).toEqual([
      { sid: 'a', user_id: 'ada', level: 3 },
      { sid: 'b', user_id: 'bob', level: null },
      { sid: 'c', user_id: null, level: null },
      { sid: 'd', user_id: null, level: 0 },
      { sid: 'over', user_id: null, level: null },
    ]);
    expect(await added.get('a')).toStrictEqual({ user_id: 'ada', level: 3, n: 1 });
    expect(await added.get('d')).toStrictEqual({ user_id: null, level: 0 });
    expect(await added.count({ user_id: 'ada' })).toBe(1);
    expect(heard).toEqual([]);
  });

  it('writes nothing where it was run before', async () => {
    const { added } = await addedTo({ a: { user_id: 'ada' }, b: {} }, [USER, LEVEL]);
    await backfill(added);
    const before = await rows('revision', 'additional');
    expect(await backfill(added)).toMatchObject({ filled: 0, missed: 0, failed: 0 });
    expect(await rows('revision', 'additional')).toEqual(before);
  });

  it('fills a column of every type, so that the session is what it was when the column was not younger', async () => {
    const fields = everyColumn(name);
    const sessions = fc.sample(anySession(fields), { numRuns: 80, seed: 11 });
    const { added } = await addedTo(Object.fromEntries(sessions.map((session, i) => [`sid ${i}`, session])), fields);
    const found = await backfill(added);
    expect(found).toEqual({ seen: 80, filled: found.filled, missed: 0, failed: 0 });
    for (const [i, session] of sessions.entries()) deepStrictEqual(await added.get(`sid ${i}`), session);
    expect(await backfill(added)).toMatchObject({ filled: 0, failed: 0 });
  });

  it('fills what is derived, and leaves it in the JSON; later changes by instances without the column are followed', async () => {
    const derived: readonly SchemaField[] = [
      { name: 'account', type: 'string', from: 'passport.user', index: true },
      { name: 'prefs', type: 'json', from: 'settings' },
      { name: 'seen', type: 'datetime', from: (session) => session.at },
      { name: 'score', type: 'float' },
    ];
    const settings = { z: [1.5, { b: 1, a: 'ż' }], a: null, aa: { c: 1, b: 2 } };
    const session = { passport: { user: 'ada' }, settings, at: '2026-01-01T02:00:00+02:00', score: 0.1 };
    const { old, added } = await addedTo({ a: session, b: {} }, derived);
    expect(await backfill(added)).toEqual({ seen: 2, filled: 1, missed: 0, failed: 0 });
    expect(await backfill(added)).toEqual({ seen: 2, filled: 0, missed: 0, failed: 0 });
    expect(await added.find({ account: 'ada' }, { data: true })).toMatchObject([
      { columns: { account: 'ada', prefs: settings, seen: new Date('2026-01-01T00:00:00Z') }, data: session },
    ]);
    await old.set('a', { ...session, passport: { user: 'bob' } });
    await old.set('c', { passport: { user: 'eve' } });
    expect(await backfill(added)).toEqual({ seen: 3, filled: 2, missed: 0, failed: 0 });
    expect(await added.count({ account: 'bob' })).toBe(1);
    await old.set('a', {});
    expect(await backfill(added)).toEqual({ seen: 3, filled: 1, missed: 0, failed: 0 });
    expect(await rows('account')).toEqual([
      { sid: 'a', account: null },
      { sid: 'b', account: null },
      { sid: 'c', account: 'eve' },
    ]);
  });

  it('finds what instances without the columns wrote since', async () => {
    const { old, added } = await addedTo({ a: { user_id: 'ada' } }, [USER]);
    await backfill(added);
    await old.set('b', { user_id: 'bob' });
    await old.update('a', { n: 2 });
    expect(await backfill(added)).toEqual({ seen: 1, filled: 1, missed: 0, failed: 0 });
    expect(await added.count({ user_id: ['ada', 'bob'] })).toBe(2);
    expect(await added.get('a')).toStrictEqual({ user_id: 'ada', n: 2 });
  });

  it('serves a rollout in which nobody looks signed out: the column is derived from the key of its own name first', async () => {
    const { old } = await addedTo({ a: { user_id: 'ada' } }, [USER]);
    const between = open([{ ...USER, from: 'user_id' }]);
    expect(await backfill(between)).toMatchObject({ filled: 1 });
    await between.set('b', { user_id: 'bob' });
    expect(await old.get('a')).toStrictEqual({ user_id: 'ada' });
    expect(await old.get('b')).toStrictEqual({ user_id: 'bob' });
    expect(await between.count({ user_id: ['ada', 'bob'] })).toBe(2);
    const after = open([USER]);
    await after.set('a', { user_id: 'eve' });
    expect(await after.get('b')).toStrictEqual({ user_id: 'bob' });
    expect(await between.get('b')).toStrictEqual({ user_id: 'bob' });
    expect(await after.count({ user_id: ['eve', 'bob'] })).toBe(2);
    await backfill(after);
    expect(await rows('user_id')).toEqual([
      { sid: 'a', user_id: 'eve' },
      { sid: 'b', user_id: 'bob' },
    ]);
  });

  it('counts, reports and leaves alone what cannot be read or held', async () => {
    const { added } = await addedTo(
      { a: { user_id: 'ada' }, b: { user_id: 'x'.repeat(21) }, c: { user_id: 5 }, d: {}, e: { user_id: 'eve' } },
      [USER],
    );
    await knex()(TABLE).where('sid', 'd').update({ additional: '{broken' });
    const before = await rows('revision', 'additional', ...UNTOUCHED);
    expect(await backfill(added)).toEqual({ seen: 5, filled: 2, missed: 0, failed: 3 });
    const after = await rows('revision', 'additional', ...UNTOUCHED);
    expect(after.slice(1, 4)).toEqual(before.slice(1, 4));
    expect(heard.map((error) => (error as Error & { code: string }).code).sort()).toEqual([
      'COLUMN_VALUE',
      'COLUMN_VALUE',
      'UNREADABLE_ROW',
    ]);
    expect(await added.count({ user_id: ['ada', 'eve'] })).toBe(2);
    expect(await added.get('b')).toStrictEqual({ user_id: 'x'.repeat(21) });
  });

  it('counts a value that another session has in a unique column as one that cannot be held', async () => {
    const { added } = await addedTo({ a: { mail: 'one' }, b: { mail: 'one' } }, [
      { name: 'mail', type: 'string', args: [20], extra: (column) => column.unique() },
    ]);
    expect(await backfill(added, { chunk: 1 })).toEqual({ seen: 2, filled: 1, missed: 0, failed: 1 });
    expect(heard).toEqual([failure('COLUMN_VALUE', 'Another session has this value')]);
    expect(await added.get('b')).toStrictEqual({ mail: 'one' });
  });

  it.each([1, 2, 3, 7, 8, 9, 10_000])('tells of its progress, in chunks of %d', async (chunk) => {
    const sessions = Object.fromEntries(
      Array.from({ length: 8 }, (_, i) => [`s${i}`, i % 2 ? { user_id: 'ada' } : {}]),
    );
    const { added } = await addedTo(sessions, [USER]);
    const told: BackfillProgress[] = [];
    const done = await backfill(added, { chunk, onProgress: (progress) => told.push(progress) });
    expect(done).toEqual({ seen: 8, filled: 4, missed: 0, failed: 0 });
    expect(told.at(-1)).toEqual(done);
    expect(told.map(({ seen }) => seen)).toEqual(
      Array.from({ length: Math.ceil(8 / chunk) }, (_, i) => Math.min(8, (i + 1) * chunk)),
    );
    expect(await added.count({ user_id: 'ada' })).toBe(4);
  });

  it('waits for what onProgress returns, and fails with what it throws', async () => {
    const { added } = await addedTo({ a: {}, b: {} }, [USER]);
    const order: string[] = [];
    await backfill(added, {
      chunk: 1,
      async onProgress({ seen }) {
        order.push(`begin ${seen}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push(`end ${seen}`);
      },
    });
    expect(order).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2']);
    const stop = new Error('enough');
    await expect(backfill(added, { onProgress: () => Promise.reject(stop) })).rejects.toBe(stop);
  });

  it('knows keys that are digests, and text that is encrypted', async () => {
    const options = { hashSid: true, codec: encryption({ keys: [Buffer.alloc(32, 3)] }) };
    await createSessionTable(knex(), { tableName: TABLE, timestamps: true, schemas: [USER] as never[] });
    const old = open([], options);
    const added = open([USER], options);
    const long = 's'.repeat(300);
    for (const sid of ['plain', 'with space', long, 'żółty']) await old.set(sid, { user_id: 'ada', sid });
    expect(await backfill(added)).toEqual({ seen: 4, filled: 4, missed: 0, failed: 0 });
    for (const sid of ['plain', 'with space', long, 'żółty'])
      expect(await added.get(sid)).toStrictEqual({ user_id: 'ada', sid });
    expect(await added.count({ user_id: 'ada' })).toBe(4);
    const other = open([USER, LEVEL], { ...options, codec: encryption({ keys: [Buffer.alloc(32, 4)] }) });
    await addColumnsMigration<readonly SchemaField[]>({ tableName: TABLE, schemas: [LEVEL] }, ['level']).up(knex());
    expect(await backfill(other)).toEqual({ seen: 4, filled: 0, missed: 0, failed: 4 });
    expect(await added.get('plain')).toStrictEqual({ user_id: 'ada', sid: 'plain' });
  });

  it('has nothing to do without columns or without sessions', async () => {
    const { old, added } = await addedTo({}, [USER]);
    expect(await backfill(added)).toEqual(NONE);
    await old.set('a', { user_id: 'ada' });
    expect(await backfill(old)).toEqual(NONE);
  });

  it('begins when the table is ready, and ends where the store is closed', async () => {
    const { added } = await addedTo(asJson({ a: {}, b: {} }) as Record<string, object>, [USER]);
    const store = open([USER, LEVEL], { sync: true });
    await expect(backfill(store)).rejects.toEqual(failure('TABLE_MISMATCH', "'level'"));
    await expect(backfill(added, { chunk: 1, onProgress: () => added.close() })).rejects.toEqual(failure('CLOSED'));
    await expect(backfill(added)).rejects.toEqual(failure('CLOSED'));
  });
});

describe('the arguments of backfill', () => {
  const store = () => new KnexSessionStore(undefined, { filename: ':memory:', sync: false, gcInterval: 0 });

  it.each([{ chunk: 0 }, { chunk: -1 }, { chunk: 1.5 }, { chunk: '5' }, { chunk: 10_001 }, { chunk: Number.NaN }])(
    'refuse %o',
    async (options) => {
      await expect(backfill(store(), options as object)).rejects.toEqual(failure('INVALID_OPTION', 'chunk must be'));
    },
  );

  it.each([
    [{ onProgress: 'yes' }, 'onProgress must be a function'],
    [{ chunks: 5 }, 'did you mean chunk?'],
    [null, 'no record of options'],
    [5, 'no record of options'],
  ])('refuse %o', async (options, says) => {
    await expect(backfill(store(), options as object)).rejects.toEqual(failure('INVALID_OPTION', says));
  });

  it.each([undefined, null, {}, 5, () => {}, Object.create(KnexSessionStore.prototype)])(
    'refuse %o for a store',
    async (other) => {
      await expect(backfill(other as never)).rejects.toEqual(
        failure('INVALID_OPTION', 'This takes a KnexSessionStore, imported in the same way'),
      );
    },
  );
});
