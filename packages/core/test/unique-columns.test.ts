import { describeDatabases } from '@kss/test-kit';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import type { SchemaField } from '../src/types.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_unique_columns';

const schemas = [
  { name: 'device', type: 'string', args: [40], extra: (column) => column.unique() },
  { name: 'seat', type: 'integer', extra: (column) => column.unique() },
  { name: 'note', type: 'string' },
] as const satisfies readonly SchemaField[];

describeDatabases('a schema column with a unique index', ({ name }, knex) => {
  let store: KnexSessionStore<typeof schemas>;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
  });

  beforeEach(async () => {
    store = new KnexSessionStore(knex(), { tableName: TABLE, schemas, timestamps: true, gcInterval: 0 });
    await store.waitForSync();
    await store.set('ada', { device: 'phone', seat: 1, note: 'mine', n: 1 });
  });

  afterEach(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  const rows = () => knex()(TABLE).select('*').orderBy('sid');

  it.each([
    ['set', { device: 'phone', note: 'stolen', n: 2 }],
    ['set', { seat: 1, note: 'stolen', n: 2 }],
    ['set', { device: 'phone', seat: 1, note: 'stolen', n: 2 }],
  ] as const)(
    'refuses a second session with its value, and leaves the first as it is (%s %j)',
    async (_verb, session) => {
      const before = await rows();
      await expect(store.set('bob', session)).rejects.toEqual(failure('COLUMN_VALUE'));
      expect(await rows()).toStrictEqual(before);
      expect(await store.get('bob')).toBeNull();
      expect(await store.get('ada')).toStrictEqual({ device: 'phone', seat: 1, note: 'mine', n: 1 });
    },
  );

  it('refuses it for a session that is there, and leaves both as they are', async () => {
    await store.set('bob', { device: 'desk', seat: 2, note: 'bob', n: 1 });
    const before = await rows();
    const stolen = { device: 'phone', seat: 2, note: 'stolen', n: 2 };
    await expect(store.set('bob', stolen)).rejects.toEqual(failure('COLUMN_VALUE'));
    await expect(store.update('bob', stolen)).rejects.toEqual(failure('COLUMN_VALUE'));
    const loaded = await store.load('bob');
    await expect(store.update('bob', stolen, { revision: loaded?.revision })).rejects.toEqual(failure('COLUMN_VALUE'));
    expect(await rows()).toStrictEqual(before);
  });

  it('says why, and names the index or the column', async () => {
    // What stops MySQL and MariaDB from writing to the other row does not tell which of its indexes was hit.
    const named = name !== 'mariadb' && name !== 'mysql';
    const refusal = (column: string) => failure('COLUMN_VALUE', 'unique index', ...(named ? [column] : []));
    await expect(store.set('bob', { device: 'phone' })).rejects.toEqual(refusal('device'));
    await expect(store.set('bob', { seat: 1 })).rejects.toEqual(refusal('seat'));
  });

  it('lets a session be saved again with its own value', async () => {
    await store.set('ada', { device: 'phone', seat: 1, note: 'again', n: 2 });
    await store.update('ada', { device: 'phone', seat: 2, note: 'again', n: 3 });
    expect(await store.get('ada')).toStrictEqual({ device: 'phone', seat: 2, note: 'again', n: 3 });
    expect(await rows()).toHaveLength(1);
  });

  it('takes any number of sessions without a value', async () => {
    await store.set('bob', {});
    await store.set('eve', { device: null });
    expect(await store.count('all')).toBe(3);
    expect(await store.count({ device: null })).toBe(2);
  });

  it('gives the value free when its session ends', async () => {
    await store.destroy('ada');
    await store.set('bob', { device: 'phone', seat: 1 });
    expect(await store.find({ device: 'phone' })).toHaveLength(1);
  });

  it('lets one of many win that ask for the value at once', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => store.set(`racer-${i}`, { device: 'one', note: `racer-${i}` })),
    );
    const won = outcomes.flatMap(({ status }, i) => (status === 'fulfilled' ? [`racer-${i}`] : []));
    expect(won).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toEqual(failure('COLUMN_VALUE'));
    }
    const there = await store.find({ device: 'one' });
    expect(there.map(({ columns }) => columns.note)).toStrictEqual(won);
    expect(await store.get('ada')).toStrictEqual({ device: 'phone', seat: 1, note: 'mine', n: 1 });
  });
});
