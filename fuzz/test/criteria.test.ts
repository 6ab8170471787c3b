import { KnexSessionStore } from '@kss/core';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import type { Knex } from 'knex';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answer } from '../src/answer.js';
import { type Bystanders, bystanders } from '../src/bystanders.js';
import { anything, FRAGMENTS, type Hostile, made, text } from '../src/hostile.js';
import { fuzz, share } from '../src/run.js';
import { shapeOf } from '../src/statements.js';

const TABLE = 'kss_fuzz_criteria';
const schemas = [
  { name: 'user_id', type: 'string', args: [60] },
  { name: 'n', type: 'integer' },
  { name: 'ok', type: 'boolean' },
] as const;
type Columns = { readonly user_id: string | null; readonly n: number | null; readonly ok: boolean | null };

/** What the sessions have, and so what is searched for: texts that a careless comparison takes for one another. */
const USERS = [...FRAGMENTS.filter((one) => !/\0|\p{Surrogate}/u.test(one)), 'bob', 'BOB', 'bob ', 'böb', 'bo%', ''];
const ROWS: readonly Columns[] = [
  ...USERS.map((user_id, i) => ({ user_id, n: i % 3, ok: i % 2 === 0 })),
  { user_id: null, n: null, ok: null },
  { user_id: 'bob', n: null, ok: true },
];

const value: fc.Arbitrary<Hostile> = fc.oneof(
  made(fc.constantFrom(...USERS, 0, 1, 2, true, false, null)),
  made(text),
  anything,
  made(
    fc.constantFrom<unknown>(
      { $gt: '' },
      { $ne: null },
      { gt: 0 },
      ['!=', 'x'],
      { toString: () => 'bob' },
      [[]],
      [['bob']],
    ),
  ),
);
const list: fc.Arbitrary<Hostile> = fc
  .array(value, { maxLength: 5 })
  .map((all) => ({ make: () => all.map(({ make }) => make()) }));
const column = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<string>('user_id', 'n', 'ok') },
  { weight: 1, arbitrary: fc.constantFrom('sid', 'expire_at', 'additional', 'revision', '__proto__', 'constructor') },
  { weight: 1, arbitrary: text },
);
const record: fc.Arbitrary<Hostile> = fc
  .array(fc.tuple(column, fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: list })), {
    minLength: 1,
    maxLength: 3,
  })
  .map((entries) => ({
    make: () => {
      const where = {};
      for (const [name, { make }] of entries) {
        Object.defineProperty(where, name, { value: make(), enumerable: true, configurable: true });
      }
      return where;
    },
  }));
const fail = () => {
  throw new Error('of the callback');
};
/** Callbacks that do what none should; none of them may mean a row that it does not describe. */
const ODD: readonly (() => unknown)[] = [
  () => (query: Knex.QueryBuilder) => query,
  () => fail,
  () => async (query: Knex.QueryBuilder) => void query.where('n', 1),
  () => async () => fail(),
  () => (query: Knex.QueryBuilder) => query.where({}),
  () => (query: Knex.QueryBuilder) => query.where(() => {}),
  () => (query: Knex.QueryBuilder) => query.whereNot(() => {}),
  () => (query: Knex.QueryBuilder) => query.where('user_id', undefined as never),
  () => (query: Knex.QueryBuilder) => query.delete(),
  () => (query: Knex.QueryBuilder) => query.limit(1),
  () => (query: Knex.QueryBuilder) => query.from('other').select('*'),
  () => (query: Knex.QueryBuilder) => query.insert({ sid: 'x' }),
  () => (query: Knex.QueryBuilder) => query.clear('where'),
  () => (query: Knex.QueryBuilder) => query.orderByRaw('1'),
  () => (query: Knex.QueryBuilder) => query.whereIn('user_id', []),
  () => (query: Knex.QueryBuilder) => query.where('no_column', 1),
  () => (query: Knex.QueryBuilder) => query.whereRaw('('),
  () => (query: Knex.QueryBuilder) => query.whereRaw('?', [Symbol('x') as never]),
  () => (query: Knex.QueryBuilder) => query.where('a?b', 1),
  () => (query: Knex.QueryBuilder) => query.where('a??', 'x').where('n', 1),
  () => class {},
  () => 'all',
  () => 'ALL',
  () => [],
  () => null,
  () => undefined,
];
const where: fc.Arbitrary<Hostile> = fc.oneof(
  { weight: 8, arbitrary: record },
  { weight: 1, arbitrary: fc.constantFrom(...ODD).map((make) => ({ make })) },
  { weight: 1, arbitrary: anything },
  {
    weight: 1,
    arbitrary: text.map((user) => ({
      make: () => (query: Knex.QueryBuilder) => query.where('user_id', user).orWhere('n', 99),
    })),
  },
);

/** The rows that a record of criteria means; undefined for what is no such record. */
function meant(criteria: unknown): number | undefined {
  if (typeof criteria !== 'object' || criteria === null || Array.isArray(criteria)) return undefined;
  const entries = Object.entries(criteria);
  return ROWS.filter((row) =>
    entries.every(([name, one]) => {
      const all: unknown[] = Array.isArray(one) ? one : [one];
      return all.some((each) => Object.is(row[name as keyof Columns], each === 0 ? 0 : each));
    }),
  ).length;
}

describeDatabases('hostile criteria', ({ name }, knex) => {
  let store: KnexSessionStore<typeof schemas>;
  let others: Bystanders;
  const sent: string[] = [];
  const hear = ({ sql }: { readonly sql: string }) => sent.push(sql);

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), {
      tableName: TABLE,
      gcInterval: 0,
      timeout: 60_000,
      schemas,
      onError: () => {},
    });
    await store.waitForSync();
    others = await bystanders(knex(), TABLE);
    await knex()(TABLE).update({ expire_at: 1 }); // the others' sessions are over, so that nothing means them
    others = { ...others, ...(await bystandersAgain()) };
    await Promise.all(ROWS.map((row, i) => store.set(`row-${i}`, { ...row })));
    knex().on('query', hear);
  });
  afterAll(async () => {
    knex().removeListener('query', hear);
    await store.close();
    await others.remove();
    await knex().schema.dropTableIfExists(TABLE);
  });

  const bystandersAgain = async () => {
    const rows = async () =>
      JSON.stringify(await knex()(TABLE).where('expire_at', 1).select('sid', 'additional').orderBy('sid'));
    const before = await rows();
    return {
      holds: async () => {
        if ((await rows()) !== before) throw new Error('A row that is over was changed.');
      },
    };
  };

  /** The shape of a search with this many harmless values of the same kinds. */
  const twins = new Map<string, string>();
  const twinOf = async (criteria: object): Promise<string | undefined> => {
    const harmless = Object.entries(criteria).map(([column, one]) => {
      const kind = (each: unknown) => (each === null ? null : { user_id: 'x', n: 1, ok: true }[column]);
      return [column, Array.isArray(one) ? one.map(kind) : kind(one)] as const;
    });
    const key = JSON.stringify(harmless);
    if (!twins.has(key)) {
      sent.length = 0;
      await store.count(Object.fromEntries(harmless));
      twins.set(key, shapeOf(sent.join('\n')));
    }
    return twins.get(key);
  };

  it('are refused, or mean the sessions that have these values, by bindings alone', async () => {
    const allowed = ['EMPTY_CRITERIA', 'INVALID_OPTION', 'COLUMN_VALUE', 'DATABASE'] as const;
    await fuzz({
      name: `criteria on ${name}`,
      cases: share(150_000, name),
      arbitrary: fc.tuple(where, fc.boolean()),
      oneByOne: true,
      holds: () => others.holds(),
      check: async ([{ make }, ends]) => {
        const criteria = make() as never;
        sent.length = 0;
        const counted = await answer(() => store.count(criteria), { allowed });
        const shape = shapeOf(sent.join('\n'));
        if (criteria === 'all') return;
        if ('value' in counted && typeof criteria !== 'function') {
          expect(counted.value).toBe(meant(criteria));
          expect(shape).toBe(await twinOf(criteria));
        }
        if (!ends) return;
        const before = await store.count('all');
        const ended = await answer(() => store.destroyWhere(make() as never), { allowed });
        const left = await store.count('all');
        if ('refused' in ended) {
          expect(left).toBe(before);
          return;
        }
        expect([ended.value, left]).toStrictEqual([(counted as { value: number }).value, before - ended.value]);
        if (ended.value > 0) await Promise.all(ROWS.map((row, i) => store.set(`row-${i}`, { ...row })));
      },
    });
  });
});
