import type { Knex } from 'knex';
import { moveIn, putBack } from './column-moves.js';
import type { ColumnInfo, DdlFacts } from './dialect/index.js';
import { KssError } from './errors.js';
import type { Field } from './layout.js';
import type { Place } from './place.js';
import { type Extras, factsOf, fittingName, makeColumn, neededColumns } from './table.js';
import { indexStatements } from './table-check.js';
import { alteration } from './table-text.js';

/**
 * Adds those of the schema columns that are missing, and their indexes; takes back what a removal left that was cut off.
 *
 * @throws KssError TABLE_MISMATCH where there is no table; errors of the driver as they are
 */
export async function addColumns(place: Place, extras: Extras, names: readonly string[]): Promise<void> {
  const { knex, dialect, layout } = place;
  const facts = await factsOf(place);
  await unpark(place, named(place, names));
  const there = await described(place);
  if (there.size === 0) {
    const message = `There is no table '${layout.table}' in this ${dialect.name} to add columns to.`;
    throw new KssError('TABLE_MISMATCH', message);
  }
  const needed = neededColumns(place, extras).filter(({ name }) => names.includes(name));
  const missing = needed.filter(({ name }) => columnIn(there, place, name) === undefined);
  if (missing.length > 0) {
    await alteration(place, (table) => {
      for (const column of missing) makeColumn(table, column, facts);
    });
  }
  await moveIn(
    place,
    layout.fields.filter(({ name, owned }) => owned && missing.some((column) => column.name === name)),
  );
  for (const column of needed) {
    const indexed = columnIn(there, place, column.name)?.indexed ?? true;
    for (const sql of indexed ? [] : indexStatements(place, column, facts)) await knex.raw(sql);
  }
}

/**
 * Puts the columns' values into the JSON of the live sessions, and drops the columns.
 *
 * The columns are renamed first: from then on nobody can write a value there that would be dropped unread. What fails on the
 * way leaves them under their names.
 *
 * @throws KssError UNREADABLE_ROW, CONFLICT; errors of the driver as they are
 */
export async function removeColumns(place: Place, extras: Extras, names: readonly string[]): Promise<void> {
  const facts = await factsOf(place);
  const there = await described(place);
  const isThere = (name: string) => columnIn(there, place, name) !== undefined;
  const fields = named(place, names).filter(({ name }) => isThere(name) || isThere(parkedName(name)));
  const owned = fields.filter((field) => field.owned);
  try {
    for (const { name } of owned) if (isThere(name)) await rename(place, name, parkedName(name));
    await putBack(place, owned, parkedName);
    for (const field of fields) await dropColumn(place, extras, facts, field);
  } catch (error) {
    await unpark(place, owned).catch(() => {}); // in a transaction that failed, nothing was renamed
    throw error;
  }
}

async function dropColumn(place: Place, extras: Extras, facts: DdlFacts, { name, owned }: Field): Promise<void> {
  const column = owned ? parkedName(name) : name;
  const drop = () => place.knex.raw(`alter table ${place.table} drop column ${place.quote(column)}`);
  const ways: readonly (() => PromiseLike<unknown>)[] = [
    drop,
    async () => {
      await dropKeys(place, extras, facts, name); // they do not go with it everywhere
      await drop();
    },
    // knex makes the whole table anew where that is the only way.
    () => alteration(place, (table) => table.dropColumns(column)),
  ];
  let first: unknown;
  for (const way of ways) {
    try {
      await way();
      return;
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

function dropKeys(place: Place, extras: Extras, facts: DdlFacts, name: string): Knex.SchemaBuilder {
  const needed = neededColumns(place, extras).filter((column) => column.name === name);
  const made = alteration(place, (table) => needed.forEach((column) => void makeColumn(table, column, facts)));
  return alteration(place, (table) => {
    for (const { sql } of made.toSQL()) {
      const key = /\b(?:constraint|index|unique) ["`[]([^"`\]]+)/i.exec(sql)?.[1];
      if (key === undefined) continue;
      if (/\bforeign key\b/i.test(sql)) table.dropForeign([], key);
      else if (/\bunique\b/i.test(sql)) table.dropUnique([], key);
      else table.dropIndex([], key);
    }
  });
}

/** Gives the columns their names back. */
async function unpark(place: Place, fields: readonly Field[]): Promise<void> {
  const there = await described(place);
  for (const { name } of fields) {
    const isParked = columnIn(there, place, parkedName(name)) !== undefined;
    if (isParked && columnIn(there, place, name) === undefined) await rename(place, parkedName(name), name);
  }
}

/** Where knex's way is needed, it is one statement; elsewhere it would take away the foreign keys that refer to the table. */
function rename(place: Place, from: string, to: string): PromiseLike<unknown> {
  const { knex, dialect, table, quote } = place;
  return dialect.transactionalDdl
    ? alteration(place, (made) => made.renameColumn(from, to))
    : knex.raw(`alter table ${table} rename column ${quote(from)} to ${quote(to)}`);
}

/** What a column is called while its values are put back. */
function parkedName(name: string): string {
  return fittingName(`kss_down_${name}`);
}

function named({ layout }: Place, names: readonly string[]): readonly Field[] {
  return layout.fields.filter(({ name }) => names.includes(name));
}

type Columns = ReadonlyMap<string, ColumnInfo>;

async function described({ knex, dialect, name }: Place): Promise<Columns> {
  return new Map((await dialect.describe(knex, name)).map((column) => [column.name.toLowerCase(), column]));
}

function columnIn(columns: Columns, { bare }: Place, name: string): ColumnInfo | undefined {
  return columns.get(bare(name).toLowerCase());
}
