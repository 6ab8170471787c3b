import type { DatabaseName } from '@kss/test-kit';
import type { Knex } from 'knex';
import type { TableProblem } from '../src/index.js';
import type { SchemaField, StoreOptions } from '../src/types.js';
import { binary } from './mismatch.js';

const MYSQLS: readonly DatabaseName[] = ['mariadb', 'mysql'];
const POSTGRESES: readonly DatabaseName[] = ['pglite', 'postgres'];
const SERVERS: readonly DatabaseName[] = [...POSTGRESES, ...MYSQLS];

/** Columns whose `extra` and `args` an ALTER has to say again. */
const SCHEMAS: readonly SchemaField[] = [
  { name: 'user_id', type: 'string', args: [100], index: true },
  { name: 'seen', type: 'timestamp' },
  { name: 'rate', type: 'decimal', args: [12, 3] },
  {
    name: 'kind',
    type: 'string',
    args: [20],
    extra: (column) => column.notNullable().defaultTo("gu'est").comment('what it is'),
  },
  { name: 'mail', type: 'string', args: [50], extra: (column) => column.unique() },
];

export const optionsFor = (tableName: string): StoreOptions<readonly SchemaField[]> => ({
  tableName,
  schemas: SCHEMAS,
  timestamps: true,
});

type Make = (table: Knex.CreateTableBuilder, database: DatabaseName) => unknown;

/** The columns of a table for these options, made by hand. */
const FITS: Readonly<Record<string, Make>> = {
  sid: (table, database) => binary(table.string('sid', 255), database).notNullable().primary(),
  expire_at: (table) => table.bigInteger('expire_at').notNullable().index(),
  revision: (table) => table.bigInteger('revision').notNullable().defaultTo(0),
  created_at: (table) => table.bigInteger('created_at'),
  updated_at: (table) => table.bigInteger('updated_at'),
  user_id: (table) => table.string('user_id', 100).index(),
  seen: (table, database) =>
    MYSQLS.includes(database) ? table.specificType('seen', 'datetime(3)') : table.timestamp('seen'),
  rate: (table) => table.decimal('rate', 12, 3),
  kind: (table) => table.string('kind', 20).notNullable().defaultTo("gu'est"),
  mail: (table) => table.string('mail', 50).unique(),
  additional: (table) => table.text('additional', 'longtext'),
};

/** Makes the table for {@link optionsFor}; a column may be another one, or null for none. */
export async function makeTable(
  knex: Knex,
  tableName: string,
  database: DatabaseName,
  changed: Readonly<Record<string, Make | null>> = {},
): Promise<void> {
  await knex.schema.createTable(tableName, (table) => {
    for (const make of Object.values({ ...FITS, ...changed })) make?.(table, database);
  });
}

export interface Defect {
  readonly what: string;
  readonly kind: TableProblem['kind'];
  readonly column: string;
  /** null: it is missing. */
  readonly make: Make | null;
  /** What the message says, besides the column. */
  readonly says: string;
  readonly usable?: true;
  /** Where only a person can mend it. */
  readonly byHand?: readonly DatabaseName[];
  readonly only?: readonly DatabaseName[];
}

const EVERYWHERE: readonly DatabaseName[] = ['sqlite', ...SERVERS];
const SQLITE: readonly DatabaseName[] = ['sqlite'];

const lacking = (column: string): Defect => ({
  what: `lacks ${column}`,
  kind: 'missing',
  column,
  make: null,
  says: 'is missing',
});
const ofType = (column: string, what: string, make: Make, only?: readonly DatabaseName[]): Defect => ({
  what: `has ${column} as ${what}`,
  kind: 'type',
  column,
  make,
  says: 'Only you know what its values mean',
  byHand: EVERYWHERE,
  ...(only && { only }),
});
const unindexed = (column: string, make: Make): Defect => ({
  what: `has no index on ${column}`,
  kind: 'index',
  column,
  make,
  says: 'has no index',
  usable: true,
});

/** What can be wrong with the table for {@link optionsFor}, each thing alone. */
export const DEFECTS: readonly Defect[] = [
  ...['expire_at', 'revision', 'created_at', 'user_id', 'seen', 'kind', 'mail', 'additional'].map(lacking),

  ofType('expire_at', 'text', (table) => table.string('expire_at', 50).notNullable().index()),
  ofType('expire_at', 'a timestamp', (table) => table.timestamp('expire_at').index(), SERVERS),
  ofType('expire_at', 'an integer', (table) => table.integer('expire_at').index(), SERVERS),
  ofType('created_at', 'text', (table) => table.string('created_at', 50)),
  ofType('user_id', 'a number', (table) => table.integer('user_id').index()),
  ofType('seen', 'text', (table) => table.string('seen', 50)),
  ofType('rate', 'text', (table) => table.string('rate', 50)),
  ofType('additional', 'a number', (table) => table.integer('additional')),

  ...(
    [
      ['sid', '100', (table, database) => binary(table.string('sid', 100), database).notNullable().primary()],
      ['user_id', '99', (table) => table.string('user_id', 99).index()],
      ['kind', '19', (table) => table.string('kind', 19).notNullable().defaultTo("gu'est")],
      ['mail', '49', (table) => table.string('mail', 49).unique()],
      ['additional', '1000', (table) => table.string('additional', 1000)],
    ] as const satisfies readonly (readonly [string, string, Make])[]
  ).map(
    ([column, length, make]): Defect => ({
      what: `has ${column} of ${length} characters`,
      kind: 'size',
      column,
      make,
      says: `holds ${length} characters, and needs`,
      byHand: SQLITE,
    }),
  ),
  {
    what: 'has additional of 64 KB',
    kind: 'size',
    column: 'additional',
    make: (table) => table.text('additional'),
    says: 'holds 65535 characters',
    only: MYSQLS,
  },
  {
    what: 'has instants that round milliseconds',
    kind: 'size',
    column: 'seen',
    make: (table, database) =>
      MYSQLS.includes(database) ? table.specificType('seen', 'datetime') : table.timestamp('seen', { precision: 0 }),
    says: 'keeps 0 decimals of a second, and needs 3',
    only: SERVERS,
  },
  {
    what: 'has instants that round milliseconds and have no zone',
    kind: 'size',
    column: 'seen',
    make: (table) => table.timestamp('seen', { precision: 0, useTz: false }),
    says: 'keeps 0 decimals of a second, and needs 3',
    only: POSTGRESES,
  },
  {
    what: 'has a decimal with fewer decimals',
    kind: 'size',
    column: 'rate',
    make: (table) => table.decimal('rate', 12, 2),
    says: 'keeps 2 decimals, and needs 3',
    only: SERVERS,
  },
  {
    what: 'has instants without a zone',
    kind: 'zone',
    column: 'seen',
    make: (table) => table.timestamp('seen', { useTz: false }),
    says: 'has no time zone',
    usable: true,
    only: POSTGRESES,
  },
  {
    what: 'has instants that end in 2038',
    kind: 'zone',
    column: 'seen',
    make: (table) => table.specificType('seen', 'timestamp(3) null'),
    says: '2038',
    only: MYSQLS,
  },
  {
    what: 'has sids without a unique index',
    kind: 'unique',
    column: 'sid',
    make: (table, database) => binary(table.string('sid', 255), database).notNullable(),
    says: 'has no unique index',
  },
  ...['utf8mb4_general_ci', 'utf8mb4_unicode_ci', 'latin1_swedish_ci'].map(
    (collation): Defect => ({
      what: `has sids under ${collation}`,
      kind: 'collation',
      column: 'sid',
      make: (table) => table.string('sid', 255).collate(collation).primary(),
      says: collation,
      only: MYSQLS,
    }),
  ),
  {
    what: 'has sids without case',
    kind: 'collation',
    column: 'sid',
    make: (table) => table.specificType('sid', 'varchar(255) collate nocase').primary(),
    says: 'sqlite.org/lang_altertable.html',
    byHand: SQLITE,
    only: SQLITE,
  },
  {
    what: 'has sids of citext',
    kind: 'collation',
    column: 'sid',
    make: (table) => table.specificType('sid', 'citext').primary(),
    says: 'two ids can be the same',
    only: ['postgres'],
  },
  {
    what: 'has sids under a collation that is not deterministic',
    kind: 'collation',
    column: 'sid',
    make: (table) => table.specificType('sid', 'varchar(255) collate kss_test_verify_caseless').primary(),
    says: 'kss_test_verify_caseless',
    only: ['postgres'],
  },

  unindexed('expire_at', (table) => table.bigInteger('expire_at').notNullable()),
  unindexed('user_id', (table) => table.string('user_id', 100)),
  unindexed('mail', (table) => table.string('mail', 50)),
];
