import { readFileSync } from 'node:fs';
import type { Knex } from 'knex';

const PAGE = new URL('../../docs/scaling.md', import.meta.url);

/** A block of SQL in docs/scaling.md. */
export interface SqlBlock {
  /** The line of the page that it begins at. */
  readonly line: number;
  readonly statements: readonly string[];
}

/** The blocks that the page says are for a database. */
export function sqlFor(database: 'PostgreSQL' | 'MySQL' | 'Galera'): SqlBlock[] {
  const page = readFileSync(PAGE, 'utf8');
  return [...page.matchAll(/^```sql\n([\s\S]*?)^```$/gm)].flatMap(({ index, 1: text = '' }) => {
    const [, places] = /^-- on: (.+)\n/.exec(text) ?? [];
    const line = page.slice(0, index).split('\n').length + 1;
    if (places === undefined) throw new Error(`docs/scaling.md:${line}: the block does not say where it runs.`);
    if (!places.split(', ').includes(database)) return [];
    const statements = text
      .replace(/^-- .*\n/, '')
      .split(';\n')
      .map((statement) => statement.trim())
      .filter((statement) => statement !== '');
    return [{ line, statements }];
  });
}

/** What a statement of the page gives, whatever the driver. */
export async function rowsOf(knex: Knex, statement: string): Promise<Record<string, unknown>[]> {
  const result = await knex.raw(statement);
  const rows = Array.isArray(result) ? result[0] : result.rows;
  return (Array.isArray(rows) ? rows : []) as Record<string, unknown>[];
}
