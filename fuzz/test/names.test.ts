import { KnexSessionStore } from '@kss/core';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answer, thrown } from '../src/answer.js';
import { digestOf } from '../src/bystanders.js';
import { anything, type Hostile, made, text } from '../src/hostile.js';
import { fuzz, share } from '../src/run.js';

const BESIDE = 'kss_fuzz_names';
const RESERVED = [
  ...[
    'select',
    'SELECT',
    'order',
    'group',
    'user',
    'table',
    'index',
    'where',
    'from',
    'null',
    'values',
    'excluded',
    'key',
  ],
  ...[
    't',
    'v',
    'k',
    'c0',
    's',
    'e',
    'r',
    'd',
    'rowid',
    'oid',
    'ctid',
    'xmin',
    'rank',
    'range',
    'system',
    'random',
    'now',
  ],
];
const letters = fc.constantFrom(...'aAzZ_0é-$ſßİñ名');
/** Names that are allowed, of any length, in any letters. */
const allowed = fc
  .tuple(fc.constantFrom(...'aZ_éñ名'), fc.array(letters, { maxLength: 62 }))
  .map(([first, rest]) => first + rest.join(''));
const name: fc.Arbitrary<Hostile> = fc.oneof(
  { weight: 4, arbitrary: made(allowed) },
  { weight: 3, arbitrary: made(fc.constantFrom(...RESERVED)) },
  { weight: 2, arbitrary: made(text) },
  { weight: 1, arbitrary: made(fc.tuple(allowed, text).map((both) => both.join(''))) },
  { weight: 1, arbitrary: anything },
);
const names = fc.record(
  { tableName: name, sidName: name, expireAtName: name, additionalName: name, revisionName: name, column: name },
  { requiredKeys: [] },
);

describeDatabases('hostile names', ({ name: database }, knex) => {
  beforeAll(async () => {
    await knex().schema.dropTableIfExists(BESIDE);
    await knex().schema.createTable(BESIDE, (table) => void table.string('sid'));
    await knex()(BESIDE).insert({ sid: 'mine' });
  });
  afterAll(() => knex().schema.dropTableIfExists(BESIDE));

  /** A table's name is the case's own, so that no other program's is met. */
  const own = (value: unknown) => (typeof value === 'string' && value.length < 50 ? `kss_fz_${value}` : value);

  it('of a table and its columns are refused, or are names and nothing else', async () => {
    let worked = 0;
    await fuzz({
      name: `names on ${database}`,
      cases: database === 'sqlite' ? 10_000 : share(8_000, database),
      arbitrary: names,
      oneByOne: true,
      shortMs: 800,
      holds: async () => {
        expect(digestOf(await knex()(BESIDE).select('*'))).toBe(digestOf([{ sid: 'mine' }]));
      },
      check: async ({ column, tableName, ...columns }) => {
        const given = Object.fromEntries(Object.entries(columns).map(([key, { make }]) => [key, make()]));
        const table = own(tableName?.make() ?? 'kss_fz');
        const schemas = column === undefined ? [] : [{ name: column.make(), type: 'string', args: [20], index: true }];
        const options = { ...given, tableName: table, schemas, gcInterval: 0, syncTimeout: 60_000, onError: () => {} };
        const opened = thrown(() => new KnexSessionStore(knex(), options as never), ['INVALID_OPTION']);
        if ('refused' in opened) return;
        const store: KnexSessionStore = opened.value;
        const ready = await answer(() => store.waitForSync(), { allowed: ['TABLE_MISMATCH', 'DATABASE'] });
        if ('value' in ready) {
          const session = { 'no column': 1, ...(column && { [String(column.make())]: 'x' }) };
          await store.set('one', session);
          await Promise.all([store.set('two', session), store.set('three', session)]);
          expect(await store.get('one')).toEqual(session);
          const loaded = await store.load('two');
          await store.update('two', { ...session, 'no column': 2 }, { revision: loaded?.revision });
          expect(await store.get('two')).toEqual({ ...session, 'no column': 2 });
          expect(await store.touch('three')).toBe(true);
          expect(await store.find('all', { data: true })).toHaveLength(3);
          if (column !== undefined) expect(await store.count({ [String(column.make())]: 'x' } as never)).toBe(3);
          await store.destroy('one');
          expect(await store.clear()).toBe(2);
          await knex().schema.dropTable(String(table));
          worked += 1;
        }
        await store.close();
      },
    });
    expect(worked).toBeGreaterThan(0);
  });
});
