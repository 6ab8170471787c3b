import type { Knex } from 'knex';
import type { ColumnInfo } from '../dialect/index.js';
import { isKssError, KssError } from '../errors.js';
import { wrapError } from '../executor.js';
import { resolveOptions } from '../options.js';
import { type Place, queryOn, whereLive } from '../place.js';
import { placeFor } from '../session-table.js';
import { factsOf } from '../table.js';
import { tableProblems } from '../table-check.js';
import type { LayoutName } from '../types.js';
import { CALLS, type Call, callText, type TableNames } from './call-text.js';

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

/** Names under which a layout may be in the table, and what is there under them. */
interface Candidate {
  readonly call: Call;
  readonly names: TableNames;
  readonly place: Place;
}

const STAMPS = ['created_at', 'updated_at'];

/**
 * Whose table of sessions it is, how many live in it, and which call takes it over. Nothing is changed.
 *
 * Of columns that were renamed, only that of the session id is recognized. Some stores make tables that are alike: those of
 * connect-session-kysely with a time zone are those of connect-session-knex.
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
  const asked: TableNames = { tableName, ...(schemaName !== undefined && { schemaName }) };
  const { dialect, name } = placeFor(knex, resolveOptions(asked));
  try {
    const described = await dialect.describe(knex, name);
    if (described.length === 0) throw new KssError('TABLE_MISMATCH', `There is no table '${tableName}'.`);
    const columns = described.map((column) => column.name);
    const found = await bestFit(knex, asked, described);
    if (found === undefined) return { store: undefined, live: undefined, call: undefined, columns };
    const { call, names, place } = found;
    const { sid, expireAt, revision, additional } = place.layout;
    const own = [sid, expireAt, additional, ...(revision === undefined ? [] : [revision])].map(place.bare);
    const known = names.timestamps ? [...own, ...STAMPS] : own;
    const rows = (await whereLive(queryOn(place).count({ n: '*' }), place)) as { n: unknown }[];
    return {
      store: call.store,
      live: Number(rows[0]?.n),
      call: callText(call, names),
      columns: columns.filter((column) => !known.includes(column)),
    };
  } catch (error) {
    throw wrapError(error, dialect);
  }
}

/** The layout that the table fits best: a column that is indexed elsewhere may lack its index, or its zone. */
async function bestFit(
  knex: Knex,
  asked: TableNames,
  described: readonly ColumnInfo[],
): Promise<Candidate | undefined> {
  let best: Candidate | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const [name, call] of Object.entries(CALLS) as [LayoutName | 'ours', Call][]) {
    for (const candidate of candidates(knex, asked, described, call, name === 'ours' ? undefined : name)) {
      const { place } = candidate;
      const problems = await tableProblems(place, new Map(), await factsOf(place));
      if (problems.some(({ usable }) => !usable) || problems.length >= least) continue;
      best = candidate;
      least = problems.length;
    }
  }
  return best;
}

function candidates(
  knex: Knex,
  asked: TableNames,
  described: readonly ColumnInfo[],
  call: Call,
  layout: LayoutName | undefined,
): readonly Candidate[] {
  const usual = placeIf(knex, asked, layout);
  if (usual === undefined) return [];
  const columns = described.map((column) => column.name);
  const { bare } = usual;
  const { sid, expireAt, additional, revision } = usual.layout;
  /** The option for a column that is there in another case. */
  const spelled = (option: keyof TableNames, name: string): TableNames => {
    const other = columns.includes(bare(name)) ? undefined : columns.find((column) => isAlike(column, bare(name)));
    return other === undefined ? {} : { [option]: other };
  };
  const names: TableNames = {
    ...asked,
    ...spelled('sidName', sid),
    ...spelled('expireAtName', expireAt),
    ...spelled('additionalName', additional),
    ...(revision !== undefined && spelled('revisionName', revision)),
  };
  // A column that identifies rows may be the sid's under another name.
  const keys = described.filter((column) => column.unique && !isAlike(column.name, bare(sid)));
  const renamed = call.options.sidName === undefined ? [] : keys.map((column) => ({ ...names, sidName: column.name }));
  const stamped = call.options.timestamps !== undefined && STAMPS.every((stamp) => columns.includes(bare(stamp)));
  return [names, ...renamed].flatMap((each) => {
    const plain = { call, names: each, place: placeIf(knex, each, layout) };
    const dated = { ...each, timestamps: true };
    // Those of another store are there, and written by nobody.
    const written = { call, names: dated, place: layout === undefined ? placeIf(knex, dated, layout) : plain.place };
    return (stamped ? [written, plain] : [plain]).filter((one): one is Candidate => one.place !== undefined);
  });
}

/** The place, if the database can have such a table, and a table can have such names. */
function placeIf(knex: Knex, names: TableNames, layout: LayoutName | undefined): Place | undefined {
  try {
    return placeFor(knex, resolveOptions({ ...names, layout }));
  } catch (error) {
    if (isKssError(error, 'INVALID_OPTION')) return undefined;
    throw error;
  }
}

function isAlike(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
