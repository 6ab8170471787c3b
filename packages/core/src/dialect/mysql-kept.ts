import type { Sql, Statements } from './dialect.js';

type Answer = (error: { readonly errno?: number } | null, rows: unknown, fields: unknown) => void;

/** A connection of mysql2's. */
interface Connection {
  readonly config?: { readonly typeCast?: unknown };
  query(sql: string, bindings: readonly unknown[], answer: Answer): void;
  execute(sql: string, bindings: readonly unknown[], answer: Answer): void;
  unprepare(sql: string): unknown;
}

// A character that the column's own character set lacks, of a value that goes beside the statement: nothing was done. Of a value
// in the statement the server says which column it is.
const IMPOSSIBLE_CONVERSION = 3988;

// Each takes a place on the server for each connection, and all clients together have some thousands (max_prepared_stmt_count).
const MOST_KEPT = 100;

const texts = new Set<string>();

/** Statements that connections keep compiled from now on, those of the first stores; those for many rows have too many lengths. */
export function keep(statements: Statements): Statements {
  for (const text of Object.values(statements) as (string | undefined)[]) {
    if (text !== undefined && texts.size < MOST_KEPT) texts.add(text);
  }
  return statements;
}

/** Keeps none of those of now any more, for any store: a server or a proxy has lost or refused one. Those of a store that is made later are tried again. */
export function forget(): void {
  texts.clear();
}

/**
 * Runs a statement that its connection keeps compiled (dev.mysql.com/doc/refman/8.4/en/sql-prepared-statements.html): the server
 * parses it once, and the values go beside it.
 *
 * @returns undefined where the statement or a value is none for that, or the connection none of mysql2's
 */
export function runKept(connection: unknown, { sql, bindings }: Sql): Promise<unknown> | undefined {
  if (!texts.has(sql) || !isConnection(connection) || !bindings.every(isPlain)) return undefined;
  return new Promise((resolve, reject) => {
    const answer: Answer = (error, rows, fields) => (error ? reject(error) : resolve([rows, fields]));
    connection.execute(sql, bindings, (error, rows, fields) => {
      if (error?.errno === IMPOSSIBLE_CONVERSION) connection.query(sql, bindings, answer);
      else answer(error, rows, fields);
    });
  });
}

// A number goes as a DOUBLE, which holds each of our own; of other values, versions of the driver make different things.
function isPlain(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || value === null;
}

/** Of the drivers, only that one has `unprepare`. What an app has it cast in its own way, it casts otherwise in a statement that is kept. */
function isConnection(connection: unknown): connection is Connection {
  const { config, execute, unprepare } = connection as Partial<Connection>;
  return typeof execute === 'function' && typeof unprepare === 'function' && (config?.typeCast ?? true) === true;
}
