import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import type { SchemaField } from '../src/types.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_table_failure';

/** Columns that the databases refuse, some of them after the rest of the table was made. */
const refusedOn = (
  knex: () => Knex,
): readonly (readonly [what: string, field: SchemaField, only?: readonly DatabaseName[]])[] => [
  [
    'has a senseless default',
    { name: 'a', type: 'integer', extra: (column) => column.defaultTo(knex().raw('senseless(')) },
  ],
  [
    // SQLite looks at it when a row is written.
    'refers to a table that is not there',
    { name: 'a', type: 'integer', extra: (column) => column.references('id').inTable('kss_test_no_such_table') },
    ['pglite', 'postgres', 'mariadb', 'mysql'],
  ],
  ['has an index on a JSON column', { name: 'a', type: 'json', index: true }, ['pglite', 'postgres', 'mysql']],
];

describeDatabases('a table that cannot be made', ({ name }, knex) => {
  const clean = () => knex().schema.dropTableIfExists(TABLE);
  beforeAll(clean);
  afterEach(clean);

  const open = (schemas: readonly SchemaField[]) =>
    new KnexSessionStore<readonly SchemaField[]>(knex(), { tableName: TABLE, schemas, gcInterval: 0, onError() {} });

  const refused = refusedOn(knex).flatMap(([what, field, only]) =>
    only === undefined || only.includes(name) ? [[what, field] as const] : [],
  );

  it.each(refused)('is an error each time, and leaves no half of it: %s', async (_, field) => {
    const store = open([field]);
    await expect(store.waitForSync()).rejects.toEqual(failure('DATABASE'));
    await expect(store.waitForSync()).rejects.toEqual(failure('DATABASE'));
    await expect(store.set('a', {})).rejects.toEqual(failure('DATABASE'));
    await store.close();
    const good = open([]);
    await good.set('a', { n: 1 });
    expect(await good.get('a')).toStrictEqual({ n: 1 });
    await good.close();
  });
});
