import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { failure } from './failure.js';
import { binary, mend, mismatchOf, statementsIn } from './mismatch.js';

const TABLE = 'kss_test_table_unfit';

describeDatabases('a table with a column that cannot serve', ({ name }, knex) => {
  const stores: { close(): Promise<void> }[] = [];
  const clean = async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex().schema.dropTableIfExists(TABLE);
  };
  beforeAll(clean);
  afterEach(clean);

  const open = (options: object = {}) => {
    const store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, onError() {}, ...options });
    stores.push(store);
    return store;
  };

  type Own = 'sid' | 'expire_at' | 'revision' | 'additional';
  type Make = (made: Knex.CreateTableBuilder) => unknown;

  interface Unfit {
    readonly what: string;
    readonly column: Own;
    readonly make: Make;
    /** An instant of the year 2001, as the column has it. */
    readonly past?: unknown;
    /** Where it cannot serve; SQLite's types hold anything, but sort and compare by their affinity. */
    readonly only?: readonly DatabaseName[];
  }

  const PAST = 1_000_000_000_000;
  const MYSQLS: readonly DatabaseName[] = ['mariadb', 'mysql'];
  const SERVERS: readonly DatabaseName[] = ['pglite', 'postgres', ...MYSQLS];
  const UNFIT: readonly Unfit[] = [
    {
      what: 'an expiry of text',
      column: 'expire_at',
      make: (made) => made.string('expire_at', 100).notNullable(),
      past: String(PAST),
    },
    {
      what: 'an expiry of 32 bits',
      column: 'expire_at',
      make: (made) => made.integer('expire_at').notNullable(),
      past: PAST / 1000,
      only: SERVERS,
    },
    {
      what: 'an expiry that is a timestamp',
      column: 'expire_at',
      make: (made) => made.timestamp('expire_at').notNullable(),
      past: '2001-09-09 01:46:40',
      only: SERVERS,
    },
    {
      what: 'a revision of text',
      column: 'revision',
      make: (made) => made.string('revision', 100).notNullable().defaultTo('0'),
    },
    {
      what: 'a revision of 32 bits',
      column: 'revision',
      make: (made) => made.integer('revision').notNullable().defaultTo(0),
      only: SERVERS,
    },
    {
      what: 'a sid that is too narrow',
      column: 'sid',
      make: (made) => binary(made.string('sid', 100), name).primary(),
    },
    { what: 'a sid that is a number', column: 'sid', make: (made) => made.bigInteger('sid').primary() },
    // Every save would add a row, or fail for want of an index to conflict with.
    {
      what: 'a sid without a unique index',
      column: 'sid',
      make: (made) => binary(made.string('sid', 255), name).notNullable(),
    },
    {
      what: 'a sid that ignores case',
      column: 'sid',
      make: (made) => made.string('sid', 255).collate('utf8mb4_general_ci').primary(),
      only: MYSQLS,
    },
    {
      what: 'a sid that ignores accents',
      column: 'sid',
      make: (made) => made.string('sid', 255).collate('utf8mb4_unicode_ci').primary(),
      only: MYSQLS,
    },
    { what: 'JSON text in a number', column: 'additional', make: (made) => made.integer('additional') },
    {
      what: 'JSON text of 64 KB',
      column: 'additional',
      make: (made) => made.text('additional'),
      only: MYSQLS,
    },
    {
      what: 'JSON text of 100 characters',
      column: 'additional',
      make: (made) => made.string('additional', 100),
      only: SERVERS,
    },
  ];
  const USABLE: Readonly<Record<Own, Make>> = {
    sid: (made) => binary(made.string('sid', 255), name).primary(),
    expire_at: (made) => made.bigInteger('expire_at').notNullable(),
    revision: (made) => made.bigInteger('revision').notNullable().defaultTo(0),
    additional: (made) => made.text('additional', 'longtext'),
  };

  const mine = UNFIT.filter(({ only }) => only === undefined || only.includes(name));

  it.each(mine.map((unfit) => [unfit.what, unfit] as const))(
    '%s is refused by name, and fits after what the message offers',
    async (_, unfit) => {
      await knex().schema.createTable(TABLE, (made) => {
        for (const [column, usable] of Object.entries(USABLE)) {
          if (column === unfit.column) unfit.make(made);
          else usable(made);
        }
      });
      await knex()(TABLE).insert({ sid: '1', expire_at: unfit.past ?? PAST });
      const store = open();
      const error = await mismatchOf(store);
      expect(error).toEqual(failure('TABLE_MISMATCH', `'${unfit.column}'`));
      // A column that nothing converts rightly need not be offered a statement; but one that is offered must be right.
      if (statementsIn(error).length === 0) return;
      await mend(knex(), error);
      await store.waitForSync();
      expect(await store.count('all')).toBe(0);
      await store.set('a', { n: 'x'.repeat(100_000) });
      expect(await store.get('a')).toStrictEqual({ n: 'x'.repeat(100_000) });
    },
  );

  it('is refused for a schema column of another kind', async () => {
    await open({ schemas: [{ name: 'a', type: 'integer' }] }).waitForSync();
    for (const type of ['string', 'timestamp', 'binary', 'boolean', 'json'] as const) {
      if (MYSQLS.includes(name) && type === 'boolean') continue; // a boolean is an integer there
      if (name === 'sqlite' && (type === 'timestamp' || type === 'boolean')) continue; // numbers hold them
      const error = await mismatchOf(open({ schemas: [{ name: 'a', type }] }));
      expect(error).toEqual(failure('TABLE_MISMATCH', "'a'"));
    }
  });

  it('is refused for a schema column that is narrower than it is declared', async () => {
    await open({ schemas: [{ name: 'a', type: 'string', args: [5] }] }).waitForSync();
    const error = await mismatchOf(open({ schemas: [{ name: 'a', type: 'string', args: [6] }] }));
    expect(error).toEqual(failure('TABLE_MISMATCH', "'a'"));
    await open({ schemas: [{ name: 'a', type: 'string', args: [4] }] }).waitForSync();
  });

  it('is taken where a schema column is wider than it need be', async () => {
    await open({
      schemas: [
        { name: 'a', type: 'bigInteger' },
        { name: 'b', type: 'text' },
      ],
    }).waitForSync();
    await open({
      schemas: [
        { name: 'a', type: 'integer' },
        { name: 'b', type: 'string' },
      ],
    }).waitForSync();
  });
});
