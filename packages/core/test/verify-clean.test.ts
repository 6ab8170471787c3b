import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import createKnex, { type Knex } from 'knex';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  addColumnsMigration,
  backfill,
  createSessionTable,
  dropSessionTable,
  KnexSessionStore,
  verifySessionTable,
} from '../src/index.js';
import type { SchemaField, StoreOptions } from '../src/types.js';
import { columnVariants } from './column-variants.js';
import { everyColumn } from './every-column.js';

const TABLE = 'kss_test_verify_clean';
const MAPPED = 'kssTestVerifyMapped';

type Options = StoreOptions<readonly SchemaField[]>;

/** Tables with every column, every argument and every option that the table depends on. */
const tables = (name: DatabaseName): readonly (readonly [what: string, options: Options])[] => {
  const types = everyColumn(name);
  const indexed = types.filter(({ type }) => !['text', 'json', 'jsonb', 'binary'].includes(type));
  return [
    ['nothing but the table', {}],
    ['every type', { schemas: types, timestamps: true }],
    ['every type that an index can have, with one', { schemas: indexed.map((field) => ({ ...field, index: true })) }],
    ['every argument', { schemas: columnVariants(name).map(({ field }) => field) }],
    [
      'what extra can say',
      {
        schemas: [
          { name: 'a', type: 'string', extra: (column) => column.notNullable().defaultTo('x').unique() },
          { name: 'b', type: 'integer', index: true, extra: (column) => column.unsigned().comment('an index?') },
          { name: 'c', type: 'string', args: [10], extra: (column) => column.index('kss_test_verify_own_name') },
          { name: 'index', type: 'integer', extra: (column) => column.defaultTo(5) },
        ],
      },
    ],
    [
      'names of its own',
      {
        sidName: 'Id',
        expireAtName: 'expiresAt',
        revisionName: 'row_version',
        additionalName: 'json',
        timestamps: true,
        schemas: [{ name: 'userId', type: 'string', index: true }],
      },
    ],
    [
      'columns that are derived',
      {
        schemas: [
          { name: 'account', type: 'string', from: 'passport.user', index: true },
          { name: 'at', type: 'datetime', from: (session) => session.at },
        ],
      },
    ],
  ];
};

describeDatabases('verifySessionTable of a table that the store made', ({ name }, knex) => {
  const clean = () => knex().schema.dropTableIfExists(TABLE);
  beforeAll(clean);
  afterEach(clean);

  it.each(tables(name))('finds nothing: %s', async (_, given) => {
    const options: Options = { tableName: TABLE, ...given };
    const store = new KnexSessionStore<readonly SchemaField[]>(knex(), { ...options, gcInterval: 0 });
    await store.waitForSync();
    await store.close();
    expect(await verifySessionTable(knex(), options)).toEqual([]);
  });

  it.each(tables(name))('finds nothing where the columns came later: %s', async (_, given) => {
    const options: Options = { tableName: TABLE, ...given };
    const names = options.schemas?.map((field) => field.name) ?? [];
    if (names.length === 0) return;
    await createSessionTable(knex(), { ...options, schemas: [] });
    const change = addColumnsMigration(options, names);
    await change.up(knex());
    expect(await verifySessionTable(knex(), options)).toEqual([]);
    await change.down(knex());
    expect(await verifySessionTable(knex(), { ...options, schemas: [] })).toEqual([]);
    expect((await verifySessionTable(knex(), options)).map(({ kind, column }) => [kind, column])).toEqual(
      names.map((column) => ['missing', column]),
    );
  });
});

const toSnake = (text: string) => text.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The same database, as an app has it that writes snake_case there and camelCase in its own code. */
function withMapper({ client }: Knex, name: DatabaseName): Knex {
  const { config, pglite } = client as { config: Knex.Config; pglite?: unknown };
  const there = name === 'pglite' ? { client: config.client, dialect: 'postgres', connection: { pglite } } : config;
  return createKnex({
    ...(there as Knex.Config),
    wrapIdentifier: (value: string, wrap: (value: string) => string) => wrap(toSnake(value)),
  });
}

describeDatabases('the table of an app with a mapper of names', ({ name }, plain) => {
  let knex: Knex;
  const options = {
    tableName: MAPPED,
    sidName: 'sessionId',
    expireAtName: 'expiresAt',
    schemas: [
      { name: 'userId', type: 'string', args: [50], index: true },
      { name: 'lastSeen', type: 'timestamp' },
    ],
  } as const;

  beforeAll(async () => {
    await plain().raw('select 1');
    knex = withMapper(plain(), name);
    await dropSessionTable(knex, options);
  });
  afterEach(() => dropSessionTable(knex, options));
  afterAll(async () => {
    if (name !== 'pglite') await knex.destroy(); // the one in this process is the suite's
  });

  it('is made, verified, mended, filled, changed and dropped under its names', async () => {
    await createSessionTable(knex, { ...options, schemas: [] });
    const old = new KnexSessionStore(knex, { ...options, schemas: [], gcInterval: 0 });
    await old.set('a', { userId: 'ada', lastSeen: '2026-01-01T00:00:00.000Z' });
    await old.close();
    const missing = await verifySessionTable(knex, options);
    expect(missing.map(({ kind, column }) => [kind, column])).toEqual([
      ['missing', 'userId'],
      ['missing', 'lastSeen'],
    ]);
    for (const { sql } of missing) for (const statement of sql) await knex.raw(statement);
    expect(await verifySessionTable(knex, options)).toEqual([]);
    expect(Object.keys(await knex(MAPPED).columnInfo())).toContain('user_id');

    const change = addColumnsMigration(options, ['userId', 'lastSeen']);
    await change.down(knex);
    await change.up(knex);
    expect(await verifySessionTable(knex, options)).toEqual([]);
    const store = new KnexSessionStore(knex, { ...options, gcInterval: 0 });
    expect(await backfill(store)).toMatchObject({ seen: 1, filled: 1 });
    await store.set('a', { userId: 'eve', lastSeen: new Date(5) });
    await knex.transaction((trx) => change.down(trx));
    await store.close();
    const after = new KnexSessionStore(knex, { ...options, schemas: [], gcInterval: 0 });
    expect(await after.get('a')).toStrictEqual({ userId: 'eve', lastSeen: new Date(5).toISOString() });
    await after.close();
  });
});
