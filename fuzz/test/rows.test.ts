import { isDeepStrictEqual } from 'node:util';
import { KnexSessionStore } from '@kss/core';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answer } from '../src/answer.js';
import { type Bystanders, bystanders, digestOf } from '../src/bystanders.js';
import { FRAGMENTS } from '../src/hostile.js';
import { fuzz, share } from '../src/run.js';

const TABLE = 'kss_fuzz_rows';
const FAR = 4_000_000_000_000;
const schemas = [
  { name: 'user_id', type: 'string', args: [60] },
  { name: 'n', type: 'integer' },
  { name: 'big', type: 'bigInteger' },
  { name: 'ok', type: 'boolean' },
  { name: 'at', type: 'datetime' },
  { name: 'doc', type: 'json' },
  { name: 'day', type: 'date' },
  { name: 'bin', type: 'binary' },
  { name: 'x', type: 'decimal', args: [10, 2] },
] as const;

/** Text that every database takes. */
const sayable = FRAGMENTS.filter((one) => !/\0|\p{Surrogate}/u.test(one));
const cookie = fc.constantFrom<unknown>(
  ...[null, 5, 'x', [], {}, { originalMaxAge: 5, expires: 'no date' }, { originalMaxAge: 5, expires: 5 }],
  ...[{ originalMaxAge: {}, expires: {} }, { expires: '2031-13-45' }, { path: '\r\nSet-Cookie: a=b' }, { maxAge: 'x' }],
  ...[
    { originalMaxAge: 1e308, expires: '+275760-09-13T00:00:00.001Z' },
    { originalMaxAge: null, expires: null },
  ],
);
const json = fc.oneof(
  fc.json(),
  cookie.map((one) => JSON.stringify({ cookie: one, n: 'text' })),
  fc.constantFrom(...sayable),
  fc.constantFrom('', 'null', 'true', '5', '"text"', '[]', '[{}]', '{', '{}', '{"a":1}x', '{"a":1e999}', '{"a":NaN}'),
  fc.constantFrom(
    '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1,"hasOwnProperty":1}',
    '{"__proto__":null,"user_id":{"toString":1},"n":"x","at":"never","bin":{},"doc":{"__proto__":1},"toJSON":1}',
    '{"sid":1,"expire_at":-1,"revision":{},"additional":"{}","then":1,"length":-1}',
    `${'['.repeat(500)}${']'.repeat(500)}`,
    `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`,
    '{"a":"\\ud800\\u0000"}',
    'kss1.AAAAAAAA.AAAA',
  ),
);
/** Values that every database takes in the column; what SQLite takes besides comes below. */
const anywhere = {
  additional: fc.option(json),
  revision: fc.constantFrom<unknown>(
    0,
    -1,
    1,
    2 ** 52,
    '9007199254740993',
    '9223372036854775807',
    '-9223372036854775808',
  ),
  user_id: fc.option(fc.constantFrom(...sayable.filter((one) => one.length <= 60))),
  n: fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  big: fc.constantFrom<unknown>(null, 0, '9223372036854775807', '-9223372036854775808', '9007199254740993'),
};
const odd = fc.oneof(
  fc.constantFrom<unknown>(null, '', 'x', -0.5, 1.5, 1e300, -1e300, '9223372036854775807', Number.MAX_SAFE_INTEGER),
  fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(...sayable),
  json,
);
const row = fc.record(anywhere, { requiredKeys: ['additional'] });
/** SQLite takes any value in any column. */
const looseRow = fc.record(
  {
    ...anywhere,
    additional: fc.oneof(anywhere.additional, odd),
    ...Object.fromEntries(['revision', 'expire_at', ...schemas.map(({ name }) => name)].map((name) => [name, odd])),
  },
  { requiredKeys: ['additional'] },
);

describeDatabases('rows of another program', ({ name }, knex) => {
  const stores: KnexSessionStore<typeof schemas>[] = [];
  let others: Bystanders;
  let refused: number;

  beforeAll(async () => {
    refused = 0;
    await knex().schema.dropTableIfExists(TABLE);
    for (const more of [{}, { batch: false as const }]) {
      const options = { tableName: TABLE, gcInterval: 0, timeout: 60_000, schemas, onError: () => {}, ...more };
      const store = new KnexSessionStore(knex(), options);
      await store.waitForSync();
      stores.push(store);
    }
    others = await bystanders(knex(), TABLE);
  });
  afterAll(async () => {
    for (const store of stores) await store.close();
    await others.remove();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it('are sessions, or errors that leave them as they are', async () => {
    await fuzz({
      name: `rows on ${name}`,
      cases: share(30_000, name),
      arbitrary: fc.tuple(
        (name === 'sqlite' ? looseRow : row) as fc.Arbitrary<Record<string, unknown>>,
        fc.boolean(),
        fc.constantFrom('update', 'revision', 'set', 'touch', 'cookie', 'destroy', 'none'),
      ),
      holds: async () => {
        await answer(() => (stores[0] as KnexSessionStore<typeof schemas>).gc(), { allowed: [] });
        await others.holds();
        // Most rows have to get in, or nothing is tried.
        expect(refused).toBeLessThan(50);
        refused = 0;
      },
      check: async ([given, alone, way], at) => {
        const store = stores[alone ? 1 : 0] as KnexSessionStore<typeof schemas>;
        const sid = `mine-${at % 25}`; // those that run together have a sid each
        await knex()(TABLE).where({ sid }).delete();
        try {
          await knex()(TABLE).insert({ sid, expire_at: FAR, ...given });
        } catch {
          refused += 1; // by the database
          return;
        }
        const stored = async () => digestOf(await knex()(TABLE).where({ sid }).select('*'));
        const before = await stored();
        const read = await answer(() => store.get(sid), { allowed: [] });
        const rejecting = await answer(() => store.get(sid, { unreadable: 'reject' }), { allowed: ['UNREADABLE_ROW'] });
        expect(isDeepStrictEqual(read, 'refused' in rejecting ? { value: null } : rejecting)).toBe(true);
        if ('value' in read && read.value !== null) expect(Object.getPrototypeOf(read.value)).toBe(Object.prototype);
        for (const data of [false, true]) {
          const found = await answer(() => store.find((query) => query.where('sid', sid), { data, current: sid }), {
            allowed: [],
          });
          for (const info of 'value' in found ? found.value : []) JSON.stringify([info.expiresAt.toISOString(), info]);
        }
        expect(await stored()).toBe(before);
        const loaded = await answer(() => store.load(sid), { allowed: [] });
        const revision = 'value' in loaded ? loaded.value?.revision : undefined;
        const call: Record<typeof way, () => Promise<unknown>> = {
          update: () => store.update(sid, { user_id: 'me' }),
          revision: () => store.update(sid, { user_id: 'me' }, { revision }),
          set: () => store.set(sid, { user_id: 'me' }),
          touch: () => store.touch(sid),
          cookie: () => store.touch(sid, undefined, { path: '/x' }),
          destroy: () => store.destroy(sid),
          none: async () => {},
        };
        const ended = await answer(call[way], { allowed: ['UNREADABLE_ROW', 'CONFLICT', 'DATABASE', 'COLUMN_VALUE'] });
        if ('refused' in ended) expect(await stored()).toBe(before);
        else if (way === 'set') expect(await store.get(sid)).toStrictEqual({ user_id: 'me' });
        else if (way === 'destroy') expect(await stored()).toBe(digestOf([]));
      },
    });
  });
});
