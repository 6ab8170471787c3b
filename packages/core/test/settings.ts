import createKnex, { type Knex } from 'knex';

interface Connection {
  query?(sql: string, done: (error: unknown) => void): void;
  exec?(sql: string): void;
  defaultSafeIntegers?(on: boolean): void;
}

/** What an app sets for all its queries. */
export interface Setting {
  /** Options of the driver's connection. */
  readonly connection?: (client: Knex.Client) => object;
  /** What each new connection begins with. */
  readonly statements?: readonly string[];
  readonly created?: (connection: Connection) => void;
  /** Options of knex. */
  readonly knex?: Partial<Knex.Config>;
}

/** Settings by what a title calls them. */
export type Settings = Readonly<Record<string, Setting>>;

/** Statements that each new connection begins with. */
export const say = (...statements: string[]): Setting => ({ statements });

/** Options of the driver's connection. */
export const connect = (connection: object): Setting => ({ connection: () => connection });

function camelKeys(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(camelKeys);
  if (typeof result !== 'object' || result === null || Object.getPrototypeOf(result) !== Object.prototype)
    return result;
  return Object.fromEntries(Object.entries(result).map(([key, value]) => [toCamel(key), value]));
}

const toSnake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const toCamel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Names in snake_case in the database, and in camelCase in the app. */
export const MAPPERS: Setting = {
  knex: { wrapIdentifier: (name, wrap) => wrap(toSnake(name)), postProcessResponse: camelKeys },
};

/** A knex of its own for the database of another one, as an app has it that sets something. */
export function withSetting({ client }: Knex, { connection, statements = [], created, knex }: Setting): Knex {
  const { config } = client as { config: Knex.Config };
  const afterCreate = (used: Connection, done: (error: unknown, used: Connection) => void) => {
    created?.(used);
    const next = (at: number): void => {
      const statement = statements[at];
      if (statement === undefined) done(null, used);
      else if (used.query === undefined) {
        used.exec?.(statement);
        next(at + 1);
      } else {
        used.query(statement, (error) => (error ? done(error, used) : next(at + 1)));
      }
    };
    next(0);
  };
  return createKnex({
    ...config,
    ...knex,
    connection: { ...(config.connection as object), ...connection?.(client) },
    pool: { min: 0, max: 1, afterCreate },
  });
}
