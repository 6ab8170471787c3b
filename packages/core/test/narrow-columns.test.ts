import { isDeepStrictEqual } from 'node:util';
import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { isKssError, KnexSessionStore } from '../src/index.js';
import type { SchemaField } from '../src/types.js';

const TABLE = 'kss_test_narrow_columns';
const POSTGRES: readonly DatabaseName[] = ['postgres', 'pglite'];
const MYSQL: readonly DatabaseName[] = ['mariadb', 'mysql'];

interface Narrow {
  /** What the options say of the column. */
  readonly declared: Omit<SchemaField, 'name'>;
  /** What the table has in its place. */
  readonly there: string;
  readonly on: readonly DatabaseName[];
  readonly values: readonly unknown[];
}

const at = new Date('2024-03-10T07:00:00.789Z');

const NARROW: readonly Narrow[] = [
  {
    declared: { type: 'string', args: [100] },
    there: 'varchar(5)',
    on: [...POSTGRES, ...MYSQL],
    values: ['x'.repeat(6)],
  },
  { declared: { type: 'text' }, there: 'varchar(5)', on: [...POSTGRES, ...MYSQL], values: ['x'.repeat(6)] },
  { declared: { type: 'text' }, there: 'tinytext', on: MYSQL, values: ['x'.repeat(300)] },
  { declared: { type: 'text', args: ['longtext'] }, there: 'text', on: MYSQL, values: ['x'.repeat(70_000)] },
  { declared: { type: 'enum', args: [['glad', 'sad']] }, there: "enum('glad')", on: MYSQL, values: ['glad', 'sad'] },
  { declared: { type: 'integer' }, there: 'smallint', on: [...POSTGRES, ...MYSQL], values: [1, 40_000, -40_000] },
  { declared: { type: 'integer' }, there: 'int unsigned', on: MYSQL, values: [1, -1] },
  {
    declared: { type: 'bigInteger' },
    there: 'int',
    on: [...POSTGRES, ...MYSQL],
    values: [1, 2 ** 40, '9223372036854775807'],
  },
  {
    declared: { type: 'decimal', args: [12, 3] },
    there: 'numeric(12, 2)',
    on: [...POSTGRES, ...MYSQL],
    values: ['1.500', '1.555'],
  },
  {
    declared: { type: 'decimal', args: [12, 3] },
    there: 'double precision',
    on: [...POSTGRES, ...MYSQL],
    values: ['1.500', '123456789.001'],
  },
  {
    declared: { type: 'decimal', args: [12, 3] },
    there: 'numeric(5, 3)',
    on: [...POSTGRES, ...MYSQL],
    values: ['1.500', '123456789.001'],
  },
  { declared: { type: 'datetime' }, there: 'datetime', on: MYSQL, values: [at] },
  { declared: { type: 'timestamp' }, there: 'timestamp null', on: MYSQL, values: [at] },
  {
    declared: { type: 'timestamp' },
    there: 'timestamp(3) null',
    on: MYSQL,
    values: [at, new Date('2040-01-01T00:00:00Z'), new Date('1969-12-31T00:00:00Z')],
  },
  { declared: { type: 'timestamp' }, there: 'date', on: [...POSTGRES, ...MYSQL], values: [at] },
  { declared: { type: 'timestamp' }, there: 'timestamptz(0)', on: POSTGRES, values: [at] },
  { declared: { type: 'timestamp' }, there: 'timestamp(2)', on: POSTGRES, values: [at] },
  { declared: { type: 'date' }, there: 'timestamptz', on: POSTGRES, values: ['2024-03-10', '0001-01-01'] },
  { declared: { type: 'date' }, there: 'datetime', on: MYSQL, values: ['2024-03-10'] },
  { declared: { type: 'time' }, there: 'timetz', on: POSTGRES, values: ['12:34:56'] },
  { declared: { type: 'boolean' }, there: 'int', on: [...MYSQL, 'sqlite'], values: [true, false] },
  { declared: { type: 'binary' }, there: 'tinyblob', on: MYSQL, values: [Buffer.from('abc'), Buffer.alloc(300, 1)] },
  { declared: { type: 'uuid' }, there: 'binary(16)', on: MYSQL, values: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'] },
  {
    declared: { type: 'uuid' },
    there: 'varchar(36)',
    on: [...POSTGRES, ...MYSQL, 'sqlite'],
    values: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  },
  {
    declared: { type: 'uuid' },
    there: 'uuid',
    on: ['mariadb', ...POSTGRES],
    values: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  },
  { declared: { type: 'json' }, there: 'text', on: [...POSTGRES, ...MYSQL, 'sqlite'], values: [{ a: [1] }, 'x'] },
  { declared: { type: 'json' }, there: 'tinytext', on: MYSQL, values: [{ a: 'x'.repeat(300) }] },
  { declared: { type: 'jsonb' }, there: 'json', on: [...POSTGRES, ...MYSQL], values: [{ b: 1, a: [] }] },
];

type Fields = readonly SchemaField[];

const refusalOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error) => error,
  );

describeDatabases(
  'a column of the table that is narrower than the options say',
  ({ name: database }, knex) => {
    const cases = NARROW.filter(({ on }) => on.includes(database)).map((one, i) => ({ ...one, name: `v${i}` }));
    const titled = cases.map((one) => [`${JSON.stringify(one.declared)} in ${one.there}`, one] as const);
    let store: KnexSessionStore<Fields> | undefined;
    beforeAll(async () => {
      await knex().schema.dropTableIfExists(TABLE);
      const own = new KnexSessionStore(knex(), { tableName: TABLE, syncTimeout: 20_000, gcInterval: 0 });
      await own.waitForSync();
      await own.close();
      for (const { name, there } of cases) await knex().raw(`alter table ${TABLE} add column ${name} ${there}`);
    });
    afterEach(async () => {
      await store?.close();
      store = undefined;
    });
    afterAll(async () => {
      await knex().schema.dropTableIfExists(TABLE);
    });

    it.each(titled)('is refused, or gives back what it takes: %s', async (_title, { declared, name, values }) => {
      const schemas: Fields = [{ name, ...declared }];
      const used = new KnexSessionStore<Fields>(knex(), {
        tableName: TABLE,
        schemas,
        syncTimeout: 20_000,
        gcInterval: 0,
        onError: () => {},
      });
      store = used;
      const mismatch = await refusalOf(used.waitForSync());
      if (mismatch !== undefined) {
        expect(mismatch).toMatchObject({ code: 'TABLE_MISMATCH', message: expect.stringContaining(`'${name}'`) });
        return;
      }
      const kept = { kept: true };
      const wrong: unknown[] = [];
      for (const value of values) {
        await used.set('one', kept);
        const refusal = await refusalOf(used.set('one', { [name]: value }));
        const read = await used.get('one');
        const right = refusal === undefined ? { [name]: value } : kept;
        if (refusal !== undefined && !isKssError(refusal, 'COLUMN_VALUE')) wrong.push(String(refusal));
        if (!isDeepStrictEqual(read, right)) wrong.push({ value, read });
        if (refusal !== undefined || declared.type.startsWith('json')) continue;
        if ((await used.count({ [name]: value })) !== 1) wrong.push({ value, found: 0 });
      }
      expect(wrong).toStrictEqual([]);
    });
  },
  ['sqlite', ...POSTGRES, ...MYSQL],
  { variants: [] },
);
