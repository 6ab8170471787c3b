import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import { type ColumnNeed, type DdlFacts, type Dialect, needOf, type Sql } from './dialect/index.js';
import type { Field, Layout } from './layout.js';
import type { ResolvedOptions } from './options.js';
import type { Place } from './place.js';

/** A column that the table must have, and how it is made. */
export interface NeededColumn {
  readonly name: string;
  readonly need: ColumnNeed;
  readonly make: (table: Knex.CreateTableBuilder, facts: DdlFacts) => Knex.ColumnBuilder;
  /** What is said once, when the column is made, and not again when it is altered. */
  readonly extra?: ((column: Knex.ColumnBuilder) => unknown) | undefined;
  readonly index: boolean;
  /** Undefined: as knex names it. */
  readonly indexName?: string | undefined;
}

/** Bytes that a name has on every database (postgresql.org/docs/current/limits.html, "identifier length"). */
const LONGEST_NAME = 63;

/** Characters of JSON text that a session may need; MySQL's TEXT holds 65,535 bytes, its MEDIUMTEXT these. */
const JSON_LENGTH = 16_777_215;

/** What `extra` callbacks there are, by column: they are the caller's, not the layout's. */
export type Extras = ReadonlyMap<string, (column: Knex.ColumnBuilder) => unknown>;

/** The `extra` callbacks of the options. */
export function extrasOf({ schemas }: ResolvedOptions): Extras {
  return new Map(schemas.flatMap(({ name, extra }) => (extra ? [[name, extra]] : [])));
}

/** What the server says that the DDL depends on. */
export async function factsOf({ knex, dialect }: Place): Promise<DdlFacts> {
  await dialect.checkSettings?.(knex);
  return (await dialect.inspect?.(knex)) ?? {};
}

/**
 * Makes the table where there is none. Many processes may do so at once.
 *
 * @returns whether there was none; where another process was faster, there was
 * @throws errors of the driver as they are
 */
export async function createTable(place: Place, extras: Extras, facts: DdlFacts): Promise<boolean> {
  const { knex, dialect, name } = place;
  if ((await dialect.describe(knex, name)).length > 0) return false;
  try {
    if (dialect.transactionalDdl) await knex.transaction((trx) => createQuery(place, extras, facts, trx));
    else await createStepwise(place, extras, facts);
    return true;
  } catch (error) {
    // Another process was faster, or an index of that name belongs to another table.
    const there = dialect.failure(error).kind === 'exists' && (await dialect.describe(knex, name)).length > 0;
    if (there) return false;
    throw error;
  }
}

/** Where DDL is not undone, a table whose indexes or references failed is dropped: it is new, and the next try makes it whole. */
async function createStepwise(place: Place, extras: Extras, facts: DdlFacts): Promise<void> {
  const { knex } = place;
  const [create, ...rest] = createQuery(place, extras, facts).toSQL() as readonly Sql[];
  if (create !== undefined) await sendAsItIs(knex, create);
  try {
    for (const statement of rest) await sendAsItIs(knex, statement);
  } catch (error) {
    await knex.raw(`drop table ${place.table}`);
    throw error;
  }
}

/** With bindings, be it none, knex would look for their places, in a comment or a default too. */
function sendAsItIs(knex: Knex, { sql, bindings = [] }: Sql): PromiseLike<unknown> {
  return bindings.length === 0 ? knex.raw(sql) : knex.raw(sql, bindings as Knex.RawBinding[]);
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

/** Makes one column, with what belongs to it. */
export function makeColumn(
  table: Knex.CreateTableBuilder,
  { name, make, extra, index, indexName }: NeededColumn,
  facts: DdlFacts,
): void {
  const column = make(table, facts);
  extra?.(column);
  if (index) table.index([name], indexName);
}

/** The columns in the order of the layout; {@link rowColumns} says why the text comes last. */
export function neededColumns({ dialect, layout }: Place, extras: Extras): NeededColumn[] {
  const stamps = [layout.createdAt, layout.updatedAt].filter((name) => name !== undefined);
  const needed: readonly NeededColumn[] = [
    {
      ...own(layout.sid, { role: 'sid', length: layout.sidWidth }, (table, facts) =>
        dialect.ownColumn(table, 'sid', layout.sid, facts).notNullable(),
      ),
      // Named, because knex's SQLite hands a missing name to the app's `wrapIdentifier`.
      extra: (column) => column.primary(keyName(layout, 'pkey') ?? `${layout.table}_pkey`),
    },
    { ...expiryColumn(dialect, layout), index: true },
    ...(layout.revision === undefined ? [] : [revisionColumn(layout.revision)]),
    ...stamps.map((name) => own(name, { role: 'stamp' }, (table) => table.bigInteger(name))),
    ...layout.fields.map((field) => schemaColumn(dialect, field, extras)),
    textColumn(dialect, layout),
  ];
  return needed.map((column) => ({ ...column, indexName: keyName(layout, `${column.name}_index`) }));
}

/** A name for a key of the table; undefined where that of knex, which begins with the table's, is no longer than names can be. */
function keyName({ table }: Layout, rest: string): string | undefined {
  const name = `${table}_${rest}`;
  const fitting = fittingName(name);
  return fitting === name ? undefined : fitting;
}

/** The name, or another one where it is longer than a database keeps: it would be cut, and be that of something else. */
export function fittingName(name: string): string {
  if (Buffer.byteLength(name) <= LONGEST_NAME) return name;
  return `kss_${createHash('sha256').update(name).digest('hex').slice(0, 40)}`;
}

function own(
  name: string,
  need: Pick<ColumnNeed, 'role'> & Partial<ColumnNeed>,
  make: (table: Knex.CreateTableBuilder, facts: DdlFacts, need: ColumnNeed) => Knex.ColumnBuilder,
): NeededColumn {
  const complete: ColumnNeed = { length: 0, decimals: 0, zoneless: true, ...need };
  return { name, need: complete, make: (table, facts) => make(table, facts, complete), index: false };
}

/** A row that another program inserts without an expiry is over at once. */
function expiryColumn(dialect: Dialect, { expireAt, expiry: { as, unit, latest, zoned } }: Layout): NeededColumn {
  if (as !== 'number') {
    const need = {
      role: 'timestamp',
      decimals: unit === 1 ? 3 : 0,
      zoneless: unit === 1000 || as === 'utc',
      utc: as === 'utc',
      zoned,
    } as const;
    return own(expireAt, need, (table, _, complete) => dialect.instantColumn(table, expireAt, complete).notNullable());
  }
  const small = latest < 2 ** 32 * 1000;
  return own(expireAt, { role: unit === 1 ? 'expireAt' : 'integer' }, (table) => {
    const column = small ? table.integer(expireAt).unsigned() : table.bigInteger(expireAt);
    return column.notNullable().defaultTo(0);
  });
}

/** A row that another program inserts has the incarnation 0. */
function revisionColumn(name: string): NeededColumn {
  return own(name, { role: 'revision' }, (table) => table.bigInteger(name).notNullable().defaultTo(0));
}

/** The column of another store holds what it holds. */
function textColumn(dialect: Dialect, { additional, text, revision }: Layout): NeededColumn {
  if (text === 'json') {
    const field = {
      name: additional,
      type: 'json',
      args: [],
      index: false,
      derived: false,
      owned: false,
      pick: () => null,
    } as const;
    return own(additional, { role: 'json' }, (table, facts) => dialect.schemaColumn(table, field, facts).notNullable());
  }
  return own(additional, { role: 'additional', length: revision === undefined ? 0 : JSON_LENGTH }, (table, facts) =>
    dialect.ownColumn(table, 'additional', additional, facts),
  );
}

function schemaColumn(dialect: Dialect, field: Field, extras: Extras): NeededColumn {
  return {
    name: field.name,
    need: needOf(field),
    make: (table, facts) => dialect.schemaColumn(table, field, facts),
    extra: extras.get(field.name),
    index: field.index,
  };
}

/** knex's schema builder, in the schema that the table is in. */
export function schemaOf(knex: Knex, layout: Layout): Knex.SchemaBuilder {
  return layout.schema === undefined ? knex.schema : knex.schema.withSchema(layout.schema);
}
