import type { Knex } from 'knex';
import {
  type Dialect,
  dialectOf,
  type Forms,
  foreignDefect,
  formsOf,
  type Quote,
  type TableName,
} from './dialect/index.js';
import { KssError } from './errors.js';
import type { Layout } from './layout.js';

/** The table in its database: what every query needs to know. */
export interface Place {
  readonly knex: Knex;
  readonly dialect: Dialect;
  readonly layout: Layout;
  /** How the layout's expiry and text stand in their columns. */
  readonly forms: Forms;
  /** The table's name as SQL, with its schema. */
  readonly table: string;
  /** The table as the catalogue knows it. */
  readonly name: TableName;
  /** An identifier as the catalogue knows it, after the app's `wrapIdentifier`. */
  readonly bare: (name: string) => string;
  /** Quotes an identifier, through the app's `wrapIdentifier` if it has one. */
  readonly quote: Quote;
}

/**
 * @throws KssError UNSUPPORTED_DATABASE, INVALID_OPTION for a schema where there are none, and for columns that would be misread
 */
export function placeOf(knex: Knex, layout: Layout): Place {
  const dialect = dialectOf(knex);
  if (layout.schema !== undefined && !dialect.hasSchemas) {
    throw new KssError('INVALID_OPTION', `${dialect.name} has no schemas in a database; leave schemaName out.`);
  }
  const defect = foreignDefect(dialect, layout);
  if (defect !== undefined) throw new KssError('INVALID_OPTION', defect);
  const quote: Quote = (name) => knex.raw('??', [name]).toSQL().sql;
  const bare = (name: string) => quote(name).slice(1, -1);
  const table = layout.schema === undefined ? quote(layout.table) : `${quote(layout.schema)}.${quote(layout.table)}`;
  const forms = formsOf(layout, dialect);
  return { knex, dialect, layout, forms, table, name: { bare: bare(layout.table), quoted: table }, bare, quote };
}

/** A knex query on the table, in a transaction if one is given. */
export function queryOn({ knex, layout }: Place, trx?: Knex.Transaction): Knex.QueryBuilder {
  const query = (trx ?? knex)(layout.table);
  return layout.schema === undefined ? query : query.withSchema(layout.schema);
}

/** Narrows a query to the rows that live now. */
export function whereLive<Q extends Knex.QueryInterface>(query: Q, { layout, forms, quote }: Place): Q {
  return query.whereRaw(forms.live(quote(layout.expireAt)), [Date.now()]) as unknown as Q;
}

/** How many rows a knex `update()` or `delete()` reached; not every client says it in a number. */
export function reachedRows({ dialect }: Place, result: unknown): number {
  return typeof result === 'number' ? result : dialect.affected(result);
}
