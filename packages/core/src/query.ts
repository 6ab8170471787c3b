import type { Knex } from 'knex';
import type { Dialect, Sql } from './dialect/index.js';

/** A query that can be told on which connection to run. */
export interface Query<T> {
  connection(connection: unknown): PromiseLike<T>;
}

/** A statement of ours as a query; `prepare`: whether a connection may keep it, compiled, under a name. */
export type MakeQuery = (statement: Sql, prepare: boolean) => Query<unknown>;

/** Of knex's client, what its own query runner uses. */
interface Client {
  readonly config?: Readonly<Record<string, unknown>>;
  listenerCount(event: string): number;
  query(connection: unknown, query: object): Promise<object>;
  _query(connection: unknown, query: object): Promise<object>;
  processResponse(query: object): unknown;
  runner(builder: object): { readonly query?: { readonly __wrapped?: unknown } };
}

const EVENTS = ['start', 'query', 'query-response', 'query-error'];
const SETTINGS = ['debug', 'asyncStackTraces', 'postProcessResponse'];

/**
 * How statements become queries.
 *
 * A statement that was compiled once goes to knex's client, past its builder and runner, which take a fifth of a single call's time.
 * Where somebody listens to knex, sees its responses or wraps its runner, as tracing tools do, everything goes the long way, so
 * that they miss nothing.
 */
export function queryMaker(knex: Knex, { query: own, driverOptions, runKept }: Dialect): MakeQuery {
  if (own !== undefined) return (statement) => own(knex, statement) as PromiseLike<unknown> & Query<unknown>;
  const client = knex.client as Client;
  const short = driverOptions !== undefined && !isWatched(client);
  const keeps = isKnexOwn(client) && !/knex|\*/.test(process.env.DEBUG ?? '');
  return (statement, prepare) => {
    const options = driverOptions?.(statement.sql, prepare);
    if (short && !isHeard(knex, client)) {
      const plain = plainQuery(client, statement, options);
      if (!keeps || runKept === undefined || !prepare) return plain;
      return { connection: (connection) => runKept(connection, statement) ?? plain.connection(connection) };
    }
    const query = knex.raw(statement.sql, statement.bindings as Knex.RawBinding[]);
    return options === undefined ? query : query.options(options);
  };
}

function plainQuery(client: Client, { sql, bindings }: Sql, options: object | undefined): Query<unknown> {
  return {
    connection: (connection) =>
      client
        .query(connection, { method: 'raw', sql, bindings, options })
        .then((answered) => client.processResponse(answered)),
  };
}

/** Whether settings or tools look at each query; both are there before the first. */
function isWatched(client: Client): boolean {
  return SETTINGS.some((name) => Boolean(client.config?.[name])) || client.runner({}).query?.__wrapped === true;
}

/**
 * Whether a query ends where knex would have it end: an app's class or patch may look at each. The class of each database has its
 * name in knex beside its way to query; the base of all has `runner`.
 */
function isKnexOwn(client: Client): boolean {
  const owner = ownerOf(client, '_query');
  return (
    owner !== undefined && Object.hasOwn(owner, 'driverName') && ownerOf(client, 'query') === ownerOf(client, 'runner')
  );
}

function ownerOf(object: object, name: string): object | undefined {
  for (let owner: object | null = object; owner !== null; owner = Object.getPrototypeOf(owner)) {
    if (Object.hasOwn(owner, name)) return owner;
  }
  return undefined;
}

/** knex itself is the client's first listener. */
function isHeard(knex: Knex, client: Client): boolean {
  return EVENTS.some((event) => knex.listenerCount(event) > 0 || client.listenerCount(event) > 1);
}
