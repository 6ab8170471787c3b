import type { Sql } from './dialect.js';

/** A statement of better-sqlite3's. */
interface Statement {
  /** Whether it gives rows. */
  readonly reader: boolean;
  all(bindings: readonly unknown[]): unknown[];
  run(bindings: readonly unknown[]): unknown;
}

interface Connection {
  pragma(text: string): unknown;
  prepare(sql: string): Statement;
}

// Each length of a list is another statement; most are those of single calls and of full batches.
const MOST_KEPT = 100;

const kept = new WeakMap<Connection, Map<string, Statement>>();

/**
 * Runs a statement that its connection keeps compiled: to compile one takes longer than to run it, and knex does so each time.
 * SQLite compiles it again by itself when the schema changed (sqlite.org/c3ref/prepare.html).
 *
 * @returns undefined where the connection is none of better-sqlite3's
 */
export function runKept(connection: unknown, { sql, bindings }: Sql): Promise<unknown> | undefined {
  if (!isConnection(connection)) return undefined;
  return new Promise((resolve) => {
    const statement = statementOf(connection, sql);
    resolve(statement.reader ? statement.all(bindings) : statement.run(bindings));
  });
}

function statementOf(connection: Connection, sql: string): Statement {
  let statements = kept.get(connection);
  if (statements === undefined) {
    statements = new Map();
    kept.set(connection, statements);
  }
  const known = statements.get(sql);
  if (known !== undefined) return known;
  if (statements.size >= MOST_KEPT) statements.clear();
  const statement = connection.prepare(sql);
  statements.set(sql, statement);
  return statement;
}

/** Of the drivers, only that one is synchronous and has `pragma`. */
function isConnection(connection: unknown): connection is Connection {
  const { pragma, prepare } = connection as Partial<Connection>;
  return typeof pragma === 'function' && typeof prepare === 'function';
}
