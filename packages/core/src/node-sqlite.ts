import { createRequire } from 'node:module';
import type { Knex } from 'knex';
import { KssError } from './errors.js';
import { withCode } from './result-codes.js';

const require = createRequire(import.meta.url);

type Row = Record<string, unknown>;
type Query = { readonly sql: string; readonly bindings?: readonly unknown[] };
type Driver = new (filename: string, options: { readOnly: boolean }) => Database;
interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
}
interface Statement {
  all(...bindings: readonly unknown[]): Row[];
  run(...bindings: readonly unknown[]): { changes: number; lastInsertRowid: number };
  columns?(): readonly unknown[];
  setReadBigInts(on: boolean): void;
}

/**
 * A knex client over the SQLite that is built into Node (`node:sqlite`): nothing needs to be installed for it.
 *
 * It is knex's client for better-sqlite3 on another driver: the same `connection` (`filename`, `options.readonly`), the same
 * results, but for integers that no number can hold, which come as BigInt. It waits 5000 milliseconds for another connection's lock,
 * unless `pool.afterCreate` sets another `busy_timeout`. It has no `knex.fn.uuid()`. Node 22, and the first versions of 24
 * and 26, read a text up to its first NUL. Node before 24.15 (in 25, before 25.7) warns that its module is experimental.
 *
 * @throws KssError DRIVER_MISSING on Node before 22.13
 * @example
 * const knex = createKnex({ client: sqliteClient(), connection: { filename: 'app.sqlite' }, useNullAsDefault: true });
 */
export function sqliteClient(): typeof Knex.Client {
  const builtIn = process.getBuiltinModule?.('node:sqlite') as { DatabaseSync: Driver } | undefined;
  if (builtIn === undefined) {
    const what = `sqliteClient() needs Node 22.13 or later, and this is ${process.versions.node}.`;
    throw new KssError('DRIVER_MISSING', `${what} Or use another driver: npm install better-sqlite3.`);
  }
  class Connection extends builtIn.DatabaseSync {
    override exec(sql: string): void {
      withCode(() => super.exec(sql));
    }
  }
  const Base = require('knex/lib/dialects/better-sqlite3/index.js') as typeof Knex.Client;
  class NodeSqliteClient extends Base {
    _driver(): Driver {
      return Connection;
    }
    override async acquireRawConnection(): Promise<Database> {
      const { filename, options } = this.connectionSettings as { filename: string; options?: { readonly?: boolean } };
      const connection = withCode(() => new Connection(filename, { readOnly: Boolean(options?.readonly) }));
      connection.exec('pragma busy_timeout = 5000');
      return connection;
    }
    async _query(connection: Database, query: Query): Promise<Query> {
      return withCode(() => execute(connection, query));
    }
  }
  Object.assign(NodeSqliteClient.prototype, { driverName: 'node:sqlite' });
  return NodeSqliteClient;
}

function execute(connection: Database, query: Query): Query {
  if (!query.sql) throw new Error('The query is empty');
  const statement = connection.prepare(query.sql);
  // A plain object in the first place would be read as named parameters, so that place is taken.
  const bindings = [{}, ...(query.bindings ?? []).map(bound)];
  if (givesRows(connection, statement, query.sql)) {
    statement.setReadBigInts(true); // without it, a row with an integer beyond 2^53 is an error
    return Object.assign(query, { response: statement.all(...bindings).map(plain) });
  }
  const response = statement.run(...bindings);
  return Object.assign(query, { response, context: { ...response, lastID: response.lastInsertRowid } });
}

function givesRows(connection: Database, statement: Statement, sql: string): boolean {
  // Before 22.16 a statement does not say, but its program does (sqlite.org/opcode.html), unless it is an EXPLAIN itself.
  if (statement.columns !== undefined) return statement.columns().length > 0;
  if (/^\s*explain\b/i.test(sql)) return true;
  return connection
    .prepare(`explain ${sql}`)
    .all()
    .some(({ opcode }) => opcode === 'ResultRow');
}

function bound(value: unknown): unknown {
  if (value instanceof Date) return value.getTime();
  return typeof value === 'boolean' ? Number(value) : (value ?? null);
}

function plain(row: Row): Row {
  const copy = { ...row }; // with a prototype
  for (const [name, value] of Object.entries(row)) {
    if (typeof value === 'bigint') copy[name] = BigInt(Number(value)) === value ? Number(value) : value;
    else if (value instanceof Uint8Array) copy[name] = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  return copy;
}
