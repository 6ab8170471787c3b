import type { LayoutName, StoreOptions } from '../types.js';

/** What the options of ours say of a table that is there. */
export type TableNames = Pick<
  StoreOptions,
  'tableName' | 'schemaName' | 'sidName' | 'expireAtName' | 'additionalName' | 'revisionName' | 'timestamps'
>;

/** Options and their values, as code. */
type Given = Readonly<Record<string, string>>;

/** How the call for a layout is written. */
export interface Call {
  readonly store: string;
  /** What the table is called where nothing names it. */
  readonly usual: string;
  /** What the store calls the options of ours. Those that it has no name for are written beside its own. */
  readonly options: Readonly<Partial<Record<keyof TableNames, string>>>;
  /** The arguments of the constructor; `more` are options of ours. */
  readonly write: (given: Given, more: Given) => string;
}

const TABLE = { tableName: 'tableName' };
const CONNECT = { usual: 'sessions', options: { ...TABLE, sidName: 'sidFieldName' } };

// Of two layouts that fit as well, the first counts.
export const CALLS: Readonly<Record<LayoutName | 'ours', Call>> = {
  ours: {
    store: '@kss/core',
    usual: 'sessions',
    options: {
      ...{ ...TABLE, schemaName: 'schemaName', sidName: 'sidName', expireAtName: 'expireAtName' },
      ...{ additionalName: 'additionalName', revisionName: 'revisionName', timestamps: 'timestamps' },
    },
    write: (given) => `knex, ${record(given)}`,
  },
  'knex-schema-session-store': {
    store: 'knex-schema-session-store',
    usual: 'sessions',
    options: {
      ...{ tableName: 'table_name', sidName: 'sid_name', expireAtName: 'expire_at_name' },
      ...{ additionalName: 'additional_name', timestamps: 'timestamps' },
    },
    write: withKnex('knexSchemaSessionStore'),
  },
  'connect-session-knex': {
    store: 'connect-session-knex',
    ...CONNECT,
    write: (given, more) => called('connectSessionKnex', [], { knex: '', ...given }, more),
  },
  'connect-session-kysely-utc': {
    store: 'connect-session-kysely',
    ...CONNECT,
    write: withKnex('connectSessionKysely', (given) => ({ ...given, expired: "'timestamp'" })),
  },
  'connect-session-kysely': { store: 'connect-session-kysely', ...CONNECT, write: withKnex('connectSessionKysely') },
  'koa-generic-session-knex': {
    store: 'koa-generic-session-knex',
    usual: 'Sessions',
    options: { ...TABLE, timestamps: 'timestamps' },
    write: withKnex('koaGenericSessionKnex'),
  },
  'express-mysql-session': {
    store: 'express-mysql-session',
    usual: 'sessions',
    options: { ...TABLE, sidName: 'session_id', expireAtName: 'expires', additionalName: 'data' },
    write: withKnex('expressMysqlSession', ({ tableName, ...columns }) =>
      inside('schema', { ...(tableName && { tableName }), ...inside('columnNames', columns) }),
    ),
  },
  'sequelize-session-store': {
    store: 'sequelize-session-store',
    usual: 'session',
    options: TABLE,
    write: withKnex('sequelizeSessionStore', (given) => inside('model', given)),
  },
  'connect-pg-simple': {
    store: 'connect-pg-simple',
    usual: 'session',
    options: TABLE,
    write: withKnex('connectPgSimple'),
  },
};

/** The call that makes a store on the table. */
export function callText({ options, usual, write }: Call, names: TableNames): string {
  const given: Record<string, string> = {};
  const more: Record<string, string> = {};
  for (const [name, value] of Object.entries(names) as [keyof TableNames, string | boolean | undefined][]) {
    if (value === undefined || (name === 'tableName' && value === usual)) continue;
    const theirs = options[name];
    (theirs === undefined ? more : given)[theirs ?? name] = typeof value === 'string' ? `'${value}'` : String(value);
  }
  return `new KnexSessionStore(${write(given, more)})`;
}

/** A call of one of the functions beside this file. */
function called(name: string, first: readonly string[], options: Given, more: Given): string {
  const last = isEmpty(more) ? (isEmpty(options) ? [] : [record(options)]) : [record(options), record(more)];
  return `...${name}(${[...first, ...last].join(', ')})`;
}

function withKnex(name: string, wrap = (given: Given): Given => given): Call['write'] {
  return (given, more) => called(name, ['knex'], wrap(given), more);
}

function inside(name: string, given: Given): Given {
  return isEmpty(given) ? {} : { [name]: record(given) };
}

function isEmpty(given: Given): boolean {
  return Object.keys(given).length === 0;
}

/** A value that is left empty is a variable of that name. */
function record(given: Given): string {
  const parts = Object.entries(given).map(([name, value]) => (value === '' ? name : `${name}: ${value}`));
  return isEmpty(given) ? '{}' : `{ ${parts.join(', ')} }`;
}
