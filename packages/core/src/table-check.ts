import type { ColumnInfo, DdlFacts, Unfit } from './dialect/index.js';
import { KssError } from './errors.js';
import type { Place } from './place.js';
import { createQuery, type Extras, makeColumn, type NeededColumn, neededColumns } from './table.js';
import { alteration, isIndex, isKey, statementsOf } from './table-text.js';

/** One thing that is wrong with a table of sessions. */
export interface TableProblem {
  /**
   * - `table`: there is none
   * - `missing`: a column that is not there
   * - `type`: a column that holds values of another kind
   * - `size`: a column that is too narrow, or keeps too few decimals
   * - `collation`: a sid column under which two ids can be the same
   * - `unique`: a sid column without a unique index
   * - `zone`: a column of instants that depends on a time zone
   * - `index`: a column to search by that has no index
   */
  readonly kind: 'table' | 'missing' | 'unique' | 'index' | Unfit['kind'];
  /** Its column; undefined where the whole table is missing. */
  readonly column?: string;
  /** What is wrong, in a sentence; where there is no `sql`, also what to do by hand. */
  readonly message: string;
  /** The statements that mend it; none where a person has to decide what becomes of the values. */
  readonly sql: readonly string[];
  /** Whether the store works with it all the same: slower, or at odds with other readers of the column. */
  readonly usable: boolean;
}

/** Everything that is wrong with the table, with the statements that mend it. */
export async function tableProblems(place: Place, extras: Extras, facts: DdlFacts): Promise<TableProblem[]> {
  const { knex, dialect, layout } = place;
  const described = await dialect.describe(knex, place.name);
  if (described.length === 0) {
    const sql = statementsOf(knex, createQuery(place, extras, facts)) ?? [];
    return [{ kind: 'table', message: `There is no table '${layout.table}'.`, sql, usable: false }];
  }
  // Databases differ in whether column names have a case: where they have one, two may differ in nothing else.
  const exact = new Map(described.map((column) => [column.name, column]));
  const folded = new Map(described.map((column) => [column.name.toLowerCase(), column]));
  return neededColumns(place, extras).flatMap((needed) => {
    const name = place.bare(needed.name);
    const there = exact.get(name) ?? folded.get(name.toLowerCase());
    if (there === undefined) return missing(place, needed, facts);
    return [
      ...unfit(place, needed, there, facts),
      ...withoutKey(place, needed, there),
      ...withoutIndex(place, needed, there, facts),
    ];
  });
}

/**
 * @throws KssError TABLE_MISMATCH with the statements that mend what the store cannot work with
 */
export async function checkTable(place: Place, extras: Extras, facts: DdlFacts): Promise<void> {
  const wrong = (await tableProblems(place, extras, facts)).filter(({ usable }) => !usable);
  if (wrong.length === 0) return;
  const what = `The table '${place.layout.table}' does not fit. ${wrong.map(({ message }) => message).join(' ')}`;
  const statements = wrong.flatMap(({ sql }) => sql.map((text) => `  ${text};`));
  const mend = wrong.some(({ sql }) => sql.length === 0) ? 'This mends the rest:' : 'This mends it:';
  throw new KssError('TABLE_MISMATCH', [what, ...(statements.length > 0 ? [mend, ...statements] : [])].join('\n'));
}

/** The statements of the indexes that the column was declared with, by `index: true` or in `extra`. */
export function indexStatements(place: Place, needed: NeededColumn, facts: DdlFacts): readonly string[] {
  if (needed.need.role === 'sid') return []; // it has its key
  const added = alteration(place, (table) => makeColumn(table, needed, facts)).toSQL();
  return added.map(({ sql }) => sql).filter(isIndex);
}

function missing(place: Place, needed: NeededColumn, facts: DdlFacts): readonly TableProblem[] {
  const { name, need } = needed;
  const sql = statementsOf(
    place.knex,
    alteration(place, (table) => makeColumn(table, needed, facts)),
  );
  const what = `The column '${name}' is missing`;
  if (sql !== undefined) return [problem(needed, 'missing', what, sql)];
  const instead =
    need.role === 'sid'
      ? 'This is no table of sessions: name another one, or make this one anew.'
      : `No statement adds it together with its foreign key: addColumnsMigration(options, ['${name}']) does.`;
  return [problem(needed, 'missing', what, [], instead)];
}

function unfit(place: Place, needed: NeededColumn, there: ColumnInfo, facts: DdlFacts): readonly TableProblem[] {
  const { name, need, make, extra } = needed;
  const found = place.dialect.unfit(need, there);
  if (found === undefined) return [];
  const what = `The column '${name}' ${found.why}`;
  // Another store has lived with its collation.
  const usable = found.usable ?? (found.kind === 'collation' && place.layout.revision === undefined);
  if (!found.alterable || !place.dialect.altersColumns) {
    return [problem(needed, found.kind, what, [], found.byHand ?? byHand(needed, found), usable)];
  }
  const altered = alteration(place, (table) => {
    const column = make(table, facts);
    extra?.(column); // or its default, its comment and the rest of it would be gone
    column.alter({ alterNullable: false });
  });
  const statements = (statementsOf(place.knex, altered) ?? []).filter((sql) => !isKey(sql));
  const { using } = found;
  const converted = using && ` using (${using(place.quote(name))})`;
  const sql = statements.map((text) => (converted ? text.replace(/ using \(.*\)$/, () => converted) : text));
  return [problem(needed, found.kind, what, sql, undefined, usable)];
}

/** What a person does where no statement of ours can. */
function byHand({ name, need }: NeededColumn, { kind }: Unfit): string {
  if (kind !== 'type')
    return 'Make another table with createSessionTable, copy the rows into it, drop this one and rename the other.';
  const unit = need.role === 'expireAt' || need.role === 'stamp' ? ', in epoch milliseconds' : '';
  return (
    `Only you know what its values mean: add a column of the type that sessionTableSql shows, fill it from '${name}'${unit}, ` +
    `drop '${name}' and rename the new one; or name another column in the options.`
  );
}

function withoutKey(place: Place, needed: NeededColumn, { unique }: ColumnInfo): readonly TableProblem[] {
  const { name, need } = needed;
  if (need.role !== 'sid' || unique) return [];
  const sql = statementsOf(
    place.knex,
    alteration(place, (table) => table.unique([name])),
  );
  return [problem(needed, 'unique', `The column '${name}' has no unique index`, sql ?? [])];
}

function withoutIndex(
  place: Place,
  needed: NeededColumn,
  { indexed }: ColumnInfo,
  facts: DdlFacts,
): readonly TableProblem[] {
  const sql = indexed ? [] : indexStatements(place, needed, facts);
  if (sql.length === 0) return [];
  return [problem(needed, 'index', `The column '${needed.name}' has no index`, sql, undefined, true)];
}

function problem(
  { name: column }: NeededColumn,
  kind: TableProblem['kind'],
  what: string,
  sql: readonly string[],
  instead?: string,
  usable = false,
): TableProblem {
  return { kind, column, message: instead === undefined ? `${what}.` : `${what}. ${instead}`, sql, usable };
}
