import { encryption, KnexSessionStore, sessionTableSql } from '@kss/core';
import fc from 'fast-check';
import createKnex, { type Knex } from 'knex';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answer, thrown } from '../src/answer.js';
import { anything, type Hostile, made, text } from '../src/hostile.js';
import { fuzz } from '../src/run.js';

const NAMES = [
  ...['tableName', 'schemaName', 'sidName', 'expireAtName', 'additionalName', 'revisionName', 'timestamps', 'sync'],
  ...['syncTimeout', 'gcInterval', 'gcFrequency', 'maxAge', 'schemas', 'touchAfter', 'hashSid', 'timeout', 'batch'],
  ...['onConflict', 'codec', 'maxSessionBytes', 'onError'],
];
const usual: fc.Arbitrary<unknown> = fc.constantFrom<unknown>(
  ...[
    'sessions',
    'id',
    true,
    false,
    0,
    1,
    5,
    1000,
    2 ** 31,
    1e300,
    {},
    [],
    'merge',
    'reject',
    undefined,
    { maxSize: 3 },
  ],
);
const record = (names: fc.Arbitrary<string>, values: fc.Arbitrary<Hostile>, maxLength: number): fc.Arbitrary<Hostile> =>
  fc.array(fc.tuple(names, values), { maxLength }).map((entries) => ({
    make: () => {
      const options = {};
      for (const [name, { make }] of entries) {
        Object.defineProperty(options, name, { value: make(), enumerable: true, configurable: true });
      }
      return options;
    },
  }));
const field = record(
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('name', 'type', 'args', 'from', 'extra', 'index') },
    { weight: 1, arbitrary: text },
  ),
  fc.oneof(
    made(
      fc.constantFrom<unknown>(
        'string',
        'integer',
        'enum',
        'decimal',
        'user_id',
        'a.b',
        [100],
        [['a', 'b']],
        [10, 2],
        true,
      ),
    ),
    made(fc.tuple(fc.oneof(text, fc.integer(), fc.array(text)), text)),
    anything,
  ),
  6,
);
const value: fc.Arbitrary<Hostile> = fc.oneof(
  made(usual),
  anything,
  record(
    fc.oneof(fc.constantFrom('maxSize', 'concurrency', 'prepare', 'encode', 'decode'), text),
    fc.oneof(made(usual), anything),
    3,
  ),
  fc.array(field, { maxLength: 3 }).map((fields) => ({ make: () => fields.map(({ make }) => make()) })),
);
const options: fc.Arbitrary<Hostile> = fc.oneof(
  {
    weight: 6,
    arbitrary: record(
      fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...NAMES) }, { weight: 1, arbitrary: text }),
      value,
      4,
    ),
  },
  { weight: 1, arbitrary: anything },
);

/** Options that make no table; what is no plain record stays as it is. */
function withoutSync(given: unknown): unknown {
  try {
    if (Object.getPrototypeOf(given) !== Object.prototype) return given;
    Object.defineProperty(given, 'sync', { value: false });
    if (!Object.hasOwn(given as object, 'onError'))
      Object.defineProperty(given, 'onError', { value: () => {}, enumerable: true });
  } catch {
    // A proxy, or nothing.
  }
  return given;
}

let knex: Knex;

beforeAll(() => {
  knex = createKnex({ client: 'better-sqlite3', connection: { filename: ':memory:' }, useNullAsDefault: true });
});
afterAll(() => knex.destroy());

it('hostile options of a store are refused by name, or do what they say', async () => {
  await fuzz({
    name: 'options',
    cases: 180_000,
    arbitrary: options,
    check: async ({ make }) => {
      const given = withoutSync(make());
      const made = thrown(() => new KnexSessionStore(knex, given as never), ['INVALID_OPTION', 'UNSUPPORTED_DATABASE']);
      if ('refused' in made) return;
      // The table may not be there; what is said then is an error of the store's.
      await answer(() => made.value.get('one'));
      await answer(() => made.value.set('one', { a: 1 }));
      await made.value.close();
    },
    holds: async () => {
      const tables = await knex('sqlite_master').where('type', 'table').select('name');
      expect(tables.filter(({ name }) => name !== 'sessions')).toStrictEqual([]);
    },
  });
});

it('hostile options make a table of their own, or none', async () => {
  await knex.schema.createTable('beside', (table) => void table.string('a'));
  await knex('beside').insert({ a: 'mine' });
  let n = 0;
  await fuzz({
    name: 'options of a table',
    cases: 20_000,
    arbitrary: fc.array(field, { minLength: 1, maxLength: 3 }),
    oneByOne: true,
    check: async (fields) => {
      const tableName = `fuzz_${n++}`;
      const schemas = fields.map(({ make }) => make());
      const made = thrown(
        () => new KnexSessionStore(knex, { tableName, schemas, onError: () => {}, gcInterval: 0 } as never),
        ['INVALID_OPTION'],
      );
      if ('refused' in made) return;
      await answer(() => made.value.waitForSync());
      await made.value.close();
      const tables = (await knex('sqlite_master').where('type', 'table').select('name')).map(({ name }) =>
        String(name),
      );
      expect(tables.filter((name) => !['beside', 'sessions', tableName].includes(name))).toStrictEqual([]);
      expect(await knex('beside').select('a')).toStrictEqual([{ a: 'mine' }]);
      await knex.schema.dropTableIfExists(tableName);
      for (const database of ['sqlite', 'postgres', 'mysql', 'mariadb', 'mssql', 'oracle', 'cockroach'] as const) {
        thrown(
          () => sessionTableSql({ schemas: fields.map(({ make }) => make()) } as never, database),
          ['INVALID_OPTION'],
        );
      }
    },
  });
});

it('hostile options of the encryption are refused', async () => {
  const keys = record(
    fc.constantFrom('keys', 'plain', 'other'),
    fc.oneof(
      value,
      fc.array(value, { maxLength: 2 }).map((all) => ({ make: () => all.map(({ make }) => make()) })),
    ),
    3,
  );
  await fuzz({
    name: 'options of the encryption',
    cases: 50_000,
    arbitrary: fc.oneof(keys, anything),
    check: ({ make }) => {
      expect(thrown(() => encryption(make() as never), ['INVALID_OPTION'])).toHaveProperty('refused');
    },
  });
});
