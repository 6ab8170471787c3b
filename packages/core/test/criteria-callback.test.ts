import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_criteria_callback';
const schemas = [{ name: 'user_id', type: 'string' }] as const;
const nobody: readonly string[] = [];

/** Callbacks that a program with an empty list, or one that waits, would come up with. */
const CASES: readonly (readonly [string, (query: Knex.QueryBuilder) => unknown, code: string])[] = [
  ['nothing', () => {}, 'EMPTY_CRITERIA'],
  [
    'an empty group',
    (q) => q.where((group) => nobody.forEach((id) => void group.orWhere('user_id', id))),
    'EMPTY_CRITERIA',
  ],
  ['a negated empty group', (q) => q.whereNot(() => {}), 'EMPTY_CRITERIA'],
  ['an empty group in a group', (q) => q.where((group) => void group.where(() => {})), 'EMPTY_CRITERIA'],
  ['undefined', (q) => q.where('user_id', undefined as unknown as string), 'EMPTY_CRITERIA'],
  [
    'conditions that come too late',
    async (q) => {
      q.whereNotNull('user_id');
      await null;
      q.where('user_id', 'ada');
    },
    'INVALID_OPTION',
  ],
];

describeDatabases('a callback that says less than it means', (_, knex) => {
  let store: KnexSessionStore<typeof schemas>;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), { tableName: TABLE, schemas });
    await store.waitForSync();
  });
  beforeEach(async () => {
    for (const user_id of ['ada', 'bob', 'carol']) await store.set(user_id, { user_id });
  });
  afterAll(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it.each(CASES)('is refused, and ends nobody: %s', async (_title, where, code) => {
    await expect(store.destroyWhere(where)).rejects.toMatchObject({ code });
    expect(await store.count('all')).toBe(3);
  });

  it('is compiled once: a second run of a nested function cannot widen it', async () => {
    const once = new Set(['bob']).values();
    const where = (q: Knex.QueryBuilder) =>
      q.where((group) => {
        for (const id of once) group.orWhere('user_id', id);
      });
    expect(await store.count(where)).toBe(1);
    expect(await store.destroyWhere((q) => q.whereIn('user_id', ['ada', 'bob']).whereRaw('1 = ?', [1]))).toBe(2);
  });
});
