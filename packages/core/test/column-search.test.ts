import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { handleOf } from '../src/sid.js';
import type { ColumnType } from '../src/types.js';
import { columnOf, everyColumn } from './every-column.js';

const TABLE = 'kss_test_column_search';

/** Texts that a careless comparison takes for one another. */
const ALIKE = [
  'bob',
  'BOB',
  'Bob',
  'bob ',
  ' bob',
  'bób',
  'bo\u0301b',
  'bob\t',
  'böb',
  'b',
  'bobb',
  'ｂｏｂ',
  '%',
  'b%',
  'b_b',
  '',
  ' ',
];

/** Values of each type, no two of which are the same. */
const DISTINCT: Readonly<Partial<Record<ColumnType, readonly unknown[]>>> = {
  string: [...ALIKE, '🍪', '🍩', "'", '\\', '?', '0', '0.0', 'straße', 'strasse', 'STRASSE', 'ı', 'i', 'I', 'İ'],
  text: [...ALIKE, '🍪', '🍩', "'", '\\', '?', '0', 'x'.repeat(5000), `${'x'.repeat(5000)} `],
  enum: ['red', 'RED', 'dark blue', 'żółty', ''],
  uuid: ['00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000001'],
  time: ['00:00:00', '00:00:01', '23:59:59'],
  integer: [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)],
  tinyint: [0, 1, -1, 127, -128],
  smallint: [0, 1, 32_767],
  mediumint: [0, 1, 2 ** 23 - 1],
  double: [0, 0.1, 0.1 + Number.EPSILON, 1 / 3, 5e-324, 1e-320, 1.7976931348623157e308, 1e308, 2 ** 53, 2 ** 53 + 2],
  float: [0, 0.1, 0.2, -0.1, 1 / 3, 1234.5, 1e-30, 1e30, 16_777_216],
  bigInteger: [0, 2 ** 53 - 1, '9007199254740992', '9007199254740993', '9223372036854775806', '9223372036854775807'],
  decimal: ['0.000', '0.001', '0.100', '-0.100', '999999999.999', '999999999.998'],
  boolean: [true, false],
  date: ['0001-01-01', '1582-10-10', '2024-02-29', '2024-03-01', '9999-12-31'],
  datetime: instants(),
  timestamp: instants(),
  binary: [
    Buffer.alloc(0),
    Buffer.from([0]),
    Buffer.from([0, 0]),
    Buffer.from('bob'),
    Buffer.from('BOB'),
    Buffer.from('bob '),
  ],
};

function instants(): Date[] {
  return [
    '0001-01-01T00:00:00.000Z',
    '1969-12-31T23:59:59.999Z',
    '2024-03-10T06:59:59.999Z',
    '2024-03-10T07:00:00.000Z',
    '2024-11-03T05:30:00.000Z',
    '2024-11-03T06:30:00.000Z',
    '2024-11-03T06:30:00.001Z',
    '9999-12-31T23:59:59.999Z',
  ].map((iso) => new Date(iso));
}

describeDatabases('a session is found by its column', ({ name }, knex) => {
  const fields = everyColumn(name);
  let store: KnexSessionStore<typeof fields>;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), { tableName: TABLE, schemas: fields, gcInterval: 0 });
    await store.waitForSync();
  });

  beforeEach(async () => {
    await store.clear();
  });

  afterAll(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it.each(Object.entries(DISTINCT))('by the very value of its %s, and no other session is', async (type, values) => {
    const column = columnOf(type as ColumnType);
    await Promise.all(values.map((value, i) => store.set(`sid-${i}`, { [column]: value })));
    await store.set('none', {});
    await store.set('null', { [column]: null });
    const wrong: unknown[] = [];
    for (const [i, value] of values.entries()) {
      const found = await store.find({ [column]: value });
      const handles = found.map(({ handle }) => handle);
      const count = await store.count({ [column]: value });
      if (count !== 1 || handles.length !== 1 || handles[0] !== handleOf(`sid-${i}`)) {
        wrong.push({
          value,
          count,
          found: handles.map((one) => values.find((_, at) => handleOf(`sid-${at}`) === one)),
        });
      }
    }
    expect(wrong).toStrictEqual([]);
    const [first, second] = values;
    expect(await store.count({ [column]: [first, second] })).toBe(2);
    expect(await store.count({ [column]: [first, null] })).toBe(3);
    expect(await store.count({ [column]: null })).toBe(2);
  });

  it.each(['json', 'jsonb'] as const)('but not by its %s', async (type) => {
    const refusal = expect.objectContaining({ name: 'KssError', code: 'INVALID_OPTION' });
    await expect(store.find({ [columnOf(type)]: {} })).rejects.toEqual(refusal);
    await expect(store.count({ [columnOf(type)]: {} })).rejects.toEqual(refusal);
    await expect(store.destroyWhere({ [columnOf(type)]: {} })).rejects.toEqual(refusal);
  });
});

const COLLATED = 'kss_test_column_collated';
const COLLATION = 'kss_test_ignore_case';

/** Makes a column on which the database itself takes `bob` and `BOB` for the same. */
const CARELESS: Readonly<Record<string, (knex: Knex) => Promise<void>>> = {
  sqlite: (knex) => alter(knex, 'add column nick varchar(40) collate nocase'),
  mariadb: alterCareless,
  mysql: alterCareless,
  async postgres(knex) {
    await knex.raw(
      `create collation if not exists ${COLLATION} (provider = icu, locale = 'und-u-ks-level1', deterministic = false)`,
    );
    await alter(knex, `add column nick varchar(40) collate ${COLLATION}`);
  },
};

async function alter(knex: Knex, change: string): Promise<void> {
  await knex.raw(`alter table ${COLLATED} ${change}`);
}

function alterCareless(knex: Knex): Promise<void> {
  return alter(knex, 'add column nick varchar(40) character set utf8mb4 collate utf8mb4_general_ci');
}

describeDatabases(
  'a session is found by a text column that ignores case',
  ({ name }, knex) => {
    const clean = async () => {
      await knex().schema.dropTableIfExists(COLLATED);
      if (name === 'postgres') await knex().raw(`drop collation if exists ${COLLATION}`);
    };
    beforeAll(clean);
    afterEach(clean);

    it('byte for byte all the same', async () => {
      const before = new KnexSessionStore(knex(), { tableName: COLLATED, gcInterval: 0 });
      await before.waitForSync();
      await before.close();
      await CARELESS[name]?.(knex());
      const schemas = [{ name: 'nick', type: 'string', args: [40] }] as const;
      const store = new KnexSessionStore(knex(), { tableName: COLLATED, schemas, gcInterval: 0 });
      await store.waitForSync();
      for (const nick of ALIKE) await store.set(`sid:${Buffer.from(nick).toString('hex')}`, { nick });
      const careless = await knex()(COLLATED).where('nick', 'bob').pluck('nick');
      expect(careless.length).toBeGreaterThan(1);
      for (const nick of ALIKE) {
        expect((await store.find({ nick })).map(({ columns }) => columns.nick)).toStrictEqual([nick]);
      }
      expect(await store.destroyWhere({ nick: 'bob' })).toBe(1);
      expect(await store.count('all')).toBe(ALIKE.length - 1);
      await store.close();
    });
  },
  ['sqlite', 'postgres', 'mariadb', 'mysql'],
);
