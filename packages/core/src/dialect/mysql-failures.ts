import type { Failure } from './dialect.js';
import { codeOf, connectionBroke } from './failures.js';

// Numbers, not names: MariaDB and MySQL give some of them different names, and drivers know one server's.
// Row changed meanwhile, lock wait timeout, deadlock; rolled back by a group whose other member was faster.
const TRANSIENT = new Set([1020, 1205, 1213, 3101]);
const EXISTS = new Set([1050, 1061]); // table, key name
const UNIQUE = new Set([1062, 1242]); // duplicate entry; the guard of the upsert
// Of a server that only reads: no primary yet, or no longer.
const REFUSED = new Set([1290, 1792, 1836]);
// Of no use any more, though another connection may be.
const BROKEN = new Set([
  ...[1053, 1077, 1927], // shutdown in progress, normal shutdown, connection killed
  ...[1047, 1180], // a node that is not, or no longer, one of its cluster: at any statement, or in its commit
  ...REFUSED,
  ...[45001, 45004, 45009, 45013, 45026], // what MariaDB's own driver says of its sockets
]);
const VALUE = new Set([
  1048, // null
  1264, // out of range
  1265, // truncated
  1292, // wrong value, such as a date
  1364, // no default
  1366, // wrong value for the column
  1406, // too long
  1452, // refers to nothing
  3140, // no JSON
  3157, // JSON too deep
  3819, // check (MySQL)
  4025, // check (MariaDB)
]);

const STALE = new Set([1243, 1295, 1461, 1615]); // what the server, or a proxy before it, does not keep compiled

/** Error numbers: dev.mysql.com, "Server Error Message Reference"; mariadb.com/kb, "MariaDB Error Codes". */
export function failure(error: unknown): Failure {
  const number = Number((error as { errno?: unknown } | undefined)?.errno);
  const message = error instanceof Error ? error.message : '';
  if (TRANSIENT.has(number)) return { kind: 'transient' };
  if (STALE.has(number)) return { kind: 'stale' };
  if (EXISTS.has(number)) return { kind: 'exists' };
  if (UNIQUE.has(number)) return { kind: 'unique', column: /for key '([^']*)'/.exec(message)?.[1] };
  if (VALUE.has(number)) return { kind: 'value', column: columnIn(message) };
  const broken = BROKEN.has(number) || codeOf(error) === 'PROTOCOL_CONNECTION_LOST' || connectionBroke(error);
  return { kind: broken ? 'broken' : 'other', refused: REFUSED.has(number) };
}

/** The column that a message names, with its table and database before it or not. */
function columnIn(message: string): string | undefined {
  const [, name] = /(?:column|field) ((?:['`][^'`]*['`]\.?)+)/i.exec(message) ?? [];
  return name?.replaceAll(/['`]/g, '').split('.').pop();
}
