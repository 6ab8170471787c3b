import { TEXT_TYPES, unfitCollation } from './columns.js';
import type { Dialect } from './dialect.js';
import { codeOf } from './failures.js';
import { formsOf } from './forms.js';
import { placeholder, postgres, sameAsRead } from './postgres.js';
import { listStatements, returningStatements } from './statements.js';

/**
 * CockroachDB, through knex's client `cockroachdb`: PostgreSQL's statements, with what it lacks or does in its own way.
 *
 * Every transaction is serializable, so a statement may be sent back (40001) where PostgreSQL would have waited; it is sent
 * again (cockroachlabs.com/docs, "Transaction Retry Error Reference").
 */
export const cockroach: Dialect = {
  ...postgres,
  name: 'CockroachDB',
  mostBindings: 65_535,
  batchesWrites: false, // what serves there is not known well enough
  transactionalDdl: false, // a schema change can fail after the COMMIT that carried it

  statements: (layout, table, quote) =>
    returningStatements(layout, table, quote, cockroach, ({ type }) => placeholder(type)),
  driverOptions: () => undefined, // not prepared, for the same reason
  batches: (_, layout, table, quote) => listStatements(layout, table, quote, cockroach),
  sameValue: (type, column) => sameAsRead(type, column, cockroach.readColumn(type, column), ''),
  readColumn: (type, column) => (type === 'date' ? `${column}::text` : postgres.readColumn(type, column)),
  seconds: (ms, more) => `((${ms})::bigint + ${more}) // 1000`, // its other division makes decimals
  // Strings compare byte for byte, unless a column has a collation.
  equals: (type, column, value) =>
    TEXT_TYPES.has(type) ? { sql: `${column} = ?`, bindings: [value] } : postgres.equals(type, column, value),
  deleteExpired(layout, table, quote, now, limit) {
    const expireAt = quote(layout.expireAt);
    return {
      sql: `delete from ${table} where ${formsOf(layout, cockroach).over(expireAt)} order by ${expireAt} limit ?`,
      bindings: [now, limit],
    };
  },

  async describe(knex, { quoted }) {
    const indexes =
      'from information_schema.statistics s where (s.table_schema, s.table_name) = (c.table_schema, c.table_name) ' +
      "and s.storing = 'NO' and s.column_name = c.column_name";
    const { rows } = await knex.raw(
      'select c.column_name as n, c.data_type as t, c.character_maximum_length as l, c.collation_name as c, ' +
        'coalesce(c.datetime_precision, c.numeric_scale) as d, ' +
        `exists (select 1 ${indexes} and s.non_unique = 'NO' and s.implicit = 'NO' and 1 = (` +
        'select count(*) from information_schema.statistics o where (o.table_schema, o.table_name, o.index_name) = ' +
        "(s.table_schema, s.table_name, s.index_name) and o.storing = 'NO' and o.implicit = 'NO')) as u, " +
        `exists (select 1 ${indexes} and s.seq_in_index = 1) as i ` +
        'from information_schema.columns c where (c.table_schema, c.table_name) = (select n.nspname, r.relname ' +
        'from pg_class r join pg_namespace n on n.oid = r.relnamespace where r.oid = to_regclass(?)) ' +
        "and c.is_hidden = 'NO'",
      [quoted],
    );
    return (rows as InformationRow[]).map(({ n, t, l, d, c, u, i }) => ({
      name: n,
      type: t.toLowerCase(),
      length: l === null ? null : Number(l),
      decimals: d === null || /double|real/.test(t) ? null : Number(d),
      collation: c,
      unique: u,
      indexed: i,
    }));
  },
  unfit(need, column) {
    const collated = need.role === 'sid' && column.collation !== null;
    return collated ? unfitCollation(String(column.collation), false) : postgres.unfit(need, column);
  },

  failure(error) {
    // statement_completion_unknown: the node went away after it had the statement.
    return codeOf(error) === '40003' ? { kind: 'broken' } : postgres.failure(error);
  },
};

interface InformationRow {
  readonly n: string;
  readonly t: string;
  readonly l: number | string | null;
  readonly d: number | string | null;
  readonly c: string | null;
  readonly u: boolean;
  readonly i: boolean;
}
