import type { Knex } from 'knex';
import type { Place } from './place.js';
import { schemaOf } from './table.js';

/** An ALTER TABLE of the table of sessions. */
export function alteration(
  { knex, layout }: Place,
  change: (table: Knex.CreateTableBuilder) => void,
): Knex.SchemaBuilder {
  return schemaOf(knex, layout).alterTable(layout.table, change);
}

/** The statements of a schema builder as text; undefined where knex would read the table first and make it anew. */
export function statementsOf(knex: Knex, schema: Knex.SchemaBuilder): string[] | undefined {
  const made = schema.toSQL() as readonly Compiled[];
  if (made.some(({ output, statementsProducer }) => output !== undefined || statementsProducer !== undefined)) return;
  return made.map(({ sql, bindings = [] }) => (bindings.length === 0 ? sql : knex.raw(sql, [...bindings]).toString()));
}

/** Whether the statement makes an index, as one of its own or as a constraint. */
export function isIndex(sql: string): boolean {
  return /^(create (unique )?index|alter table \S* ?add (constraint \S* ?)?(unique|index))\b/i.test(words(sql));
}

/** Whether the statement adds an index, a key or a check, which a column that is there has already. */
export function isKey(sql: string): boolean {
  return /^create (unique )?index\b|^alter table \S* ?add .*\b(unique|index|key|check)\b/i.test(words(sql));
}

/** The statement without what is quoted, which can say anything. */
function words(sql: string): string {
  return sql.replace(/'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]/g, '').replace(/\s+/g, ' ');
}

interface Compiled {
  readonly sql: string;
  readonly bindings?: readonly Knex.RawBinding[];
  readonly output?: unknown;
  readonly statementsProducer?: unknown;
}
