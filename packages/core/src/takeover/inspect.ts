import type { Knex } from 'knex';
import { isKssError, KssError } from '../errors.js';
import { wrapError } from '../executor.js';
import { FOREIGN_LAYOUTS } from '../foreign-layouts.js';
import { resolveOptions } from '../options.js';
import { queryOn, whereLive } from '../place.js';
import { placeFor } from '../session-table.js';
import { factsOf } from '../table.js';
import { tableProblems } from '../table-check.js';
import type { LayoutName, StoreOptions } from '../types.js';

/** What {@link inspectSessionTable} finds. */
export interface TableInspection {
  /** The package whose table it is, `'@kss/core'` for one of ours; undefined where it is like none that is known. */
  readonly store: string | undefined;
  /** Sessions that live in it, as that store sees it. */
  readonly live: number | undefined;
  /** The call that takes it over, as code. */
  readonly call: string | undefined;
  /** Its further columns, which may be `schemas`. */
  readonly columns: readonly string[];
}

/** How the call for a layout is written. */
interface Call {
  readonly store: string;
  /** What names the table there, and the column of the sid. */
  readonly table: string;
  readonly sid?: string;
  /** What the table is called where nothing names it. */
  readonly usual: string;
  /** The arguments of the constructor, out of the options that are needed. */
  readonly write: (given: readonly string[], more: string | undefined) => string;
}

function record(parts: readonly string[]): string {
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`;
}

/** A call of one of the functions beside this one. */
function called(name: string, first: readonly string[], options: string, more: string | undefined): string {
  const last = more === undefined ? (options === '{}' ? [] : [options]) : [options, more];
  return `...${name}(${[...first, ...last].join(', ')})`;
}

function withKnex(name: string, wrap = (given: readonly string[]) => given): Call['write'] {
  return (given, more) => called(name, ['knex'], record(wrap(given)), more);
}

function inside(name: string): (given: readonly string[]) => readonly string[] {
  return (given) => (given.length === 0 ? [] : [`${name}: ${record(given)}`]);
}

const CONNECT = { table: 'tableName', sid: 'sidFieldName', usual: 'sessions' };

// Of two layouts that fit as well, the first counts.
const CALLS: Readonly<Record<LayoutName | 'ours', Call>> = {
  ours: {
    store: '@kss/core',
    ...{ table: 'tableName', sid: 'sidName', usual: 'sessions' },
    write: (given, more) => ['knex', record(more === undefined ? given : [...given, more.slice(2, -2)])].join(', '),
  },
  'knex-schema-session-store': {
    store: 'knex-schema-session-store',
    ...{ table: 'table_name', sid: 'sid_name', usual: 'sessions' },
    write: withKnex('knexSchemaSessionStore'),
  },
  'connect-session-knex': {
    store: 'connect-session-knex',
    ...CONNECT,
    write: (given, more) => called('connectSessionKnex', [], record(['knex', ...given]), more),
  },
  'connect-session-kysely-utc': {
    store: 'connect-session-kysely',
    ...CONNECT,
    write: withKnex('connectSessionKysely', (given) => [...given, "expired: 'timestamp'"]),
  },
  'connect-session-kysely': { store: 'connect-session-kysely', ...CONNECT, write: withKnex('connectSessionKysely') },
  'koa-generic-session-knex': {
    store: 'koa-generic-session-knex',
    ...{ table: 'tableName', usual: 'Sessions' },
    write: withKnex('koaGenericSessionKnex'),
  },
  'express-mysql-session': {
    store: 'express-mysql-session',
    ...{ table: 'tableName', usual: 'sessions' },
    write: withKnex('expressMysqlSession', inside('schema')),
  },
  'sequelize-session-store': {
    store: 'sequelize-session-store',
    ...{ table: 'tableName', usual: 'session' },
    write: withKnex('sequelizeSessionStore', inside('model')),
  },
  'connect-pg-simple': {
    store: 'connect-pg-simple',
    ...{ table: 'tableName', usual: 'session' },
    write: withKnex('connectPgSimple'),
  },
};

/**
 * Whose table of sessions it is, how many live in it, and which call takes it over. Nothing is changed.
 *
 * @param schemaName the schema that the table is in, where it is not the connection's own
 * @example
 * console.log((await inspectSessionTable(knex, 'sessions')).call);
 * @throws KssError INVALID_OPTION, TABLE_MISMATCH where there is no such table, DATABASE, UNSUPPORTED_DATABASE
 */
export async function inspectSessionTable(
  knex: Knex,
  tableName: string,
  schemaName?: string,
): Promise<TableInspection> {
  const options: StoreOptions = { tableName, ...(schemaName !== undefined && { schemaName }) };
  const { dialect, name } = placeFor(knex, resolveOptions(options));
  try {
    const described = await dialect.describe(knex, name);
    if (described.length === 0) throw new KssError('TABLE_MISMATCH', `There is no table '${tableName}'.`);
    const columns = described.map((column) => column.name);
    // A column that identifies rows may be the sid's under another name.
    const keys = described.filter(({ unique }) => unique).map((column) => column.name);
    const found = await bestFit(knex, options, keys);
    if (found === undefined) return { store: undefined, live: undefined, call: undefined, columns };
    const { layout } = found.place;
    const known = [layout.sid, layout.expireAt, layout.revision, layout.additional];
    const rows = (await whereLive(queryOn(found.place).count({ n: '*' }), found.place)) as { n: unknown }[];
    return {
      store: found.call.store,
      live: Number(rows[0]?.n),
      call: callOf(found.call, options, found.sidName),
      columns: columns.filter((column) => !known.includes(column)),
    };
  } catch (error) {
    throw wrapError(error, dialect);
  }
}

/** The layout that the table fits best: a column that is indexed elsewhere may lack its index, or its zone. */
async function bestFit(knex: Knex, options: StoreOptions, keys: readonly string[]) {
  let best:
    | { readonly place: ReturnType<typeof placeFor>; call: Call; sidName: string | undefined; wrong: number }
    | undefined;
  for (const [name, call] of Object.entries(CALLS) as [LayoutName | 'ours', Call][]) {
    if (name !== 'ours' && !canBe(knex, { ...options, layout: name })) continue;
    const usual = name === 'ours' ? 'sid' : FOREIGN_LAYOUTS[name].sidName;
    const others = call.sid === undefined ? [] : keys.filter((key) => key !== usual);
    for (const sidName of [undefined, ...others]) {
      const meant = { ...options, ...(sidName !== undefined && { sidName }), ...(name !== 'ours' && { layout: name }) };
      const place = placeFor(knex, resolveOptions(meant));
      const problems = await tableProblems(place, new Map(), await factsOf(place));
      if (problems.some(({ usable }) => !usable) || problems.length >= (best?.wrong ?? Number.POSITIVE_INFINITY))
        continue;
      best = { place, call, sidName, wrong: problems.length };
    }
  }
  return best;
}

/** Whether there can be such a table in the database at all. */
function canBe(knex: Knex, options: StoreOptions): boolean {
  try {
    placeFor(knex, resolveOptions(options));
    return true;
  } catch (error) {
    if (isKssError(error, 'INVALID_OPTION')) return false;
    throw error;
  }
}

function callOf({ table, sid, usual, write }: Call, { tableName, schemaName }: StoreOptions, sidName?: string): string {
  const given = [
    ...(tableName === usual ? [] : [`${table}: '${tableName}'`]),
    ...(sid === undefined || sidName === undefined ? [] : [`${sid}: '${sidName}'`]),
  ];
  return `new KnexSessionStore(${write(given, schemaName === undefined ? undefined : `{ schemaName: '${schemaName}' }`)})`;
}
