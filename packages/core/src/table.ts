import type { Knex } from 'knex';
import type { ColumnRole, DdlFacts, Dialect } from './dialect/index.js';
import { KssError } from './errors.js';
import type { Field, Layout } from './layout.js';
import type { Place } from './place.js';

/** A column that the table must have, and how it is made. */
interface NeededColumn {
  readonly name: string;
  readonly role: ColumnRole;
  readonly make: (table: Knex.CreateTableBuilder, facts: DdlFacts) => Knex.ColumnBuilder;
  /** What is said once, when the column is made, and not again when it is altered. */
  readonly extra?: ((column: Knex.ColumnBuilder) => unknown) | undefined;
  readonly index: boolean;
  /** The characters that it must hold. */
  readonly least: number;
}

/** Characters of JSON text that a session may need; MySQL's TEXT holds 65,535 bytes, its MEDIUMTEXT these. */
const JSON_LENGTH = 16_777_215;

/** What `extra` callbacks there are, by column: they are the caller's, not the layout's. */
export type Extras = ReadonlyMap<string, (column: Knex.ColumnBuilder) => unknown>;

/**
 * Makes the table if it is missing, and checks it otherwise. Many processes may do so at once.
 *
 * @throws KssError TABLE_MISMATCH with the statements that mend it; errors of the driver as they are
 */
export async function ensureTable(place: Place, extras: Extras): Promise<void> {
  const { knex, dialect, name } = place;
  const facts = (await dialect.inspect?.(knex)) ?? {};
  if ((await dialect.describe(knex, name)).length === 0) {
    try {
      if (dialect.transactionalDdl) await knex.transaction((trx) => createQuery(place, extras, facts, trx));
      else await createStepwise(place, extras, facts);
      return;
    } catch (error) {
      // Another process was faster, or an index of that name belongs to another table.
      const there = dialect.failure(error).kind === 'exists' && (await dialect.describe(knex, name)).length > 0;
      if (!there) throw error;
    }
  }
  await checkTable(place, extras, facts);
}

/** Where DDL is not undone, a table whose indexes or references failed is dropped: it is new, and the next try makes it whole. */
async function createStepwise(place: Place, extras: Extras, facts: DdlFacts): Promise<void> {
  const { knex } = place;
  const [create, ...rest] = createQuery(place, extras, facts).toSQL();
  if (create !== undefined) await knex.raw(create.sql, [...(create.bindings ?? [])] as Knex.RawBinding[]);
  try {
    for (const { sql, bindings } of rest) await knex.raw(sql, [...(bindings ?? [])] as Knex.RawBinding[]);
  } catch (error) {
    await knex.raw(`drop table ${place.table}`);
    throw error;
  }
}

/** The statements that make the table. */
export function createQuery(
  place: Place,
  extras: Extras,
  facts: DdlFacts,
  connection = place.knex,
): Knex.SchemaBuilder {
  return schemaOf(connection, place.layout).createTable(place.layout.table, (table) => {
    for (const column of neededColumns(place, extras)) makeColumn(table, column, facts);
  });
}

async function checkTable(place: Place, extras: Extras, facts: DdlFacts): Promise<void> {
  const { knex, dialect, layout } = place;
  const needed = neededColumns(place, extras);
  const columns = new Map(
    (await dialect.describe(knex, place.name)).map((column) => [column.name.toLowerCase(), column]),
  );
  const find = (name: string) => columns.get(place.bare(name).toLowerCase());
  const missing = needed.filter(({ name }) => find(name) === undefined);
  const unusable = needed.flatMap((column) => {
    const there = find(column.name);
    const unfit = there && dialect.unfit(column.role, there, column.least);
    return unfit === undefined ? [] : [{ column, ...unfit }];
  });
  const doubles = find(layout.sid)?.unique === false;
  if (missing.length === 0 && unusable.length === 0 && !doubles) return;

  const alterable = dialect.altersColumns ? unusable.filter((column) => column.alterable) : [];
  const statements = schemaOf(knex, layout)
    .alterTable(layout.table, (table) => {
      for (const column of missing) makeColumn(table, column, facts);
      for (const { column } of alterable) column.make(table, facts).alter({ alterNullable: false });
      if (doubles) table.unique([layout.sid]);
    })
    .toSQL()
    .map(({ sql }) => `  ${sql};`);
  const wrong = [
    ...(missing.length > 0 ? [`it lacks ${missing.map(({ name }) => `'${name}'`).join(', ')}`] : []),
    ...unusable.map(({ column, why }) => `the column '${column.name}' ${why}`),
    ...(doubles ? [`the column '${layout.sid}' has no unique index`] : []),
  ];
  const byHand = unusable.filter((column) => !alterable.includes(column)).map(({ column }) => `'${column.name}'`);
  const mend = [
    ...(byHand.length > 0 ? [`Convert ${byHand.join(', ')} by hand, or name other columns in the options.`] : []),
    ...(statements.length > 0 ? [`This mends ${byHand.length > 0 ? 'the rest' : 'it'}:`, ...statements] : []),
  ].join('\n');
  throw new KssError('TABLE_MISMATCH', `The table '${layout.table}' does not fit: ${wrong.join('; ')}. ${mend}`);
}

function makeColumn(table: Knex.CreateTableBuilder, { name, make, extra, index }: NeededColumn, facts: DdlFacts): void {
  const column = make(table, facts);
  extra?.(column);
  if (index) table.index([name]);
}

/** The columns in the order of the layout; {@link rowColumns} says why the text comes last. */
function neededColumns({ dialect, layout }: Place, extras: Extras): NeededColumn[] {
  const stamps = [layout.createdAt, layout.updatedAt].filter((name) => name !== undefined);
  return [
    {
      ...own(layout.sid, 'sid', (table, facts) => dialect.ownColumn(table, 'sid', layout.sid, facts).notNullable()),
      // Named, because knex's SQLite hands a missing name to the app's `wrapIdentifier`.
      extra: (column) => column.primary(`${layout.table}_pkey`),
      least: layout.sidWidth,
    },
    {
      // A row that another program inserts without an expiry is over at once.
      ...own(layout.expireAt, 'expireAt', (table) => table.bigInteger(layout.expireAt).notNullable().defaultTo(0)),
      index: true,
    },
    // A row that another program inserts has the incarnation 0.
    own(layout.revision, 'revision', (table) => table.bigInteger(layout.revision).notNullable().defaultTo(0)),
    ...stamps.map((name) => own(name, 'stamp', (table) => table.bigInteger(name))),
    ...layout.fields.map((field) => schemaColumn(dialect, field, extras)),
    {
      ...own(layout.additional, 'additional', (table, facts) =>
        dialect.ownColumn(table, 'additional', layout.additional, facts),
      ),
      least: JSON_LENGTH,
    },
  ];
}

function own(name: string, role: ColumnRole, make: NeededColumn['make']): NeededColumn {
  return { name, role, make, index: false, least: 0 };
}

function schemaColumn(dialect: Dialect, field: Field, extras: Extras): NeededColumn {
  return {
    name: field.name,
    role: field.type,
    make: (table, facts) => dialect.schemaColumn(table, field, facts),
    extra: extras.get(field.name),
    index: field.index,
    least: field.type === 'string' ? Number(field.args[0] ?? 255) : 0,
  };
}

function schemaOf(knex: Knex, layout: Layout): Knex.SchemaBuilder {
  return layout.schema === undefined ? knex.schema : knex.schema.withSchema(layout.schema);
}
