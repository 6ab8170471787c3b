import { readFileSync } from 'node:fs';
import createKnex, { type Knex } from 'knex';
import { describe, expect, it } from 'vitest';
import { type FieldShape, KnexSessionStore, type SchemaField, type StoreOptions } from '../src/index.js';
import { resolveOptions } from '../src/options.js';
import {
  connectPgSimple,
  connectSessionKnex,
  connectSessionKysely,
  expressMysqlSession,
  knexSchemaSessionStore,
  koaGenericSessionKnex,
  sequelizeSessionStore,
} from '../src/takeover/index.js';

const CLIENT = 'better-sqlite3';
const knex: Knex = createKnex({ client: CLIENT, useNullAsDefault: true }); // it is handed on, and never asked
const HEARS = () => {};

/** What the arguments of a store come to, as far as it differs from a table of our own. */
function meaning([given, options]: readonly [Knex | undefined, object]): object {
  const { schemas: _, batch: __, onError, ...resolved } = resolveOptions(options);
  const usual = resolveOptions() as unknown as Record<string, unknown>;
  const differs = Object.entries(resolved).filter(([name, value]) => value !== usual[name]);
  return {
    ...Object.fromEntries(differs),
    ...(onError && { hears: true }),
    ...(given === undefined && { knex: undefined }),
  };
}

describe('connectSessionKnex', () => {
  it('has the defaults of the predecessor', () => {
    expect(meaning(connectSessionKnex({ knex }))).toEqual({
      layout: 'connect-session-knex',
      expireAtName: 'expired',
      additionalName: 'sess',
      gcInterval: 60_000,
    });
    expect(meaning(connectSessionKnex())).toMatchObject({ knex: undefined, filename: 'connect-session-knex.sqlite' });
  });

  it('understands both spellings, and refuses two that differ', () => {
    const old = {
      tablename: 'logins',
      sidfieldname: 'id',
      createtable: false,
      clearInterval: 5000,
      disableDbCleanup: true,
    };
    const expected = { tableName: 'logins', sidName: 'id', sync: false };
    expect(meaning(connectSessionKnex({ knex, ...old }))).toMatchObject({ ...expected, gcInterval: 0 });
    const now = {
      tableName: 'logins',
      sidFieldName: 'id',
      createTable: false,
      cleanupInterval: 5000,
      onDbCleanupError: HEARS,
    };
    expect(meaning(connectSessionKnex({ knex, ...now }))).toMatchObject({ ...expected, gcInterval: 5000, hears: true });
    expect(meaning(connectSessionKnex({ knex, clearInterval: 0 }))).toMatchObject({ gcInterval: 60_000 }); // as version 4
    expect(meaning(connectSessionKnex({ knex, cleanupInterval: 0 }))).toMatchObject({ gcInterval: 0 });
    expect(meaning(connectSessionKnex({ knex, tableName: 'a', tablename: 'a' }))).toMatchObject({ tableName: 'a' });
    expect(() => connectSessionKnex({ knex, tableName: 'a', tablename: 'b' })).toThrow(/tableName and tablename/);
  });
});

describe('the others', () => {
  it.each<[string, readonly [Knex | undefined, object], object]>([
    ['connectPgSimple', connectPgSimple(knex), { tableName: 'session', expireAtName: 'expire', gcInterval: 900_000 }],
    [
      'connectPgSimple with all',
      connectPgSimple(knex, {
        ...{ schemaName: 'auth', tableName: 'logins', createTableIfMissing: false, ttl: 60, disableTouch: true },
        ...{ pruneSessionInterval: false, pruneSessionRandomizedInterval: false, errorLog: HEARS, pool: {} },
        ...{ pgPromise: {}, conString: 'postgres://', conObject: {} },
      }),
      {
        ...{ schemaName: 'auth', tableName: 'logins', sync: false, maxAge: 60_000, gcInterval: 0, hears: true },
        touchAfter: Number.POSITIVE_INFINITY,
      },
    ],
    [
      'connectPgSimple with the schema in the name',
      connectPgSimple(knex, { tableName: 'auth"."logins', pruneSessionInterval: 60 }),
      { schemaName: 'auth', tableName: 'logins', gcInterval: 60_000 },
    ],
    [
      'expressMysqlSession',
      expressMysqlSession(knex),
      { sidName: 'session_id', expireAtName: 'expires', additionalName: 'data', gcInterval: 900_000 },
    ],
    [
      'expressMysqlSession with all',
      expressMysqlSession(knex, {
        ...{
          clearExpired: false,
          expiration: 60_000,
          createDatabaseTable: false,
          disableTouch: true,
          host: 'a',
          ssl: {},
        },
        schema: { tableName: 'logins', columnNames: { session_id: 'a', expires: 'b', data: 'c' } },
      }),
      {
        ...{ tableName: 'logins', sidName: 'a', expireAtName: 'b', additionalName: 'c', sync: false, gcInterval: 0 },
        ...{ maxAge: 60_000, touchAfter: Number.POSITIVE_INFINITY },
      },
    ],
    [
      'koaGenericSessionKnex',
      koaGenericSessionKnex(knex),
      {
        tableName: 'Sessions',
        sidName: 'id',
        expireAtName: 'expires',
        additionalName: 'data',
        gcFrequency: 10_000,
        gcInterval: 0,
      },
    ],
    [
      'koaGenericSessionKnex with all',
      koaGenericSessionKnex(knex, {
        ...{
          tableName: 'logins',
          sync: false,
          syncTimeout: 1,
          gcFrequency: 5,
          timestamps: true,
          browserSessionLifetime: 60_000,
        },
      }),
      { tableName: 'logins', sync: false, syncTimeout: 1, gcFrequency: 5, maxAge: 60_000 },
    ],
    [
      'knexSchemaSessionStore with all',
      knexSchemaSessionStore(knex, {
        ...{
          table_name: 'logins',
          sid_name: 'a',
          expire_at_name: 'b',
          additional_name: 'c',
          timestamps: true,
          sync: false,
        },
        ...{
          sync_timeout: 1,
          gc_interval: 2,
          max_age: 60_000,
          schemas: [{ name: 'user_id', type: 'string', args: [100] }],
        },
      }),
      {
        ...{ tableName: 'logins', sidName: 'a', expireAtName: 'b', additionalName: 'c', sync: false, syncTimeout: 1 },
        ...{ gcInterval: 2, maxAge: 60_000 },
      },
    ],
    [
      'connectSessionKysely',
      connectSessionKysely(knex, {
        dbType: 'postgresql',
        tableName: 'logins',
        sidFieldName: 'id',
        createTable: false,
        cleanupInterval: 0,
      }),
      { layout: 'connect-session-kysely', tableName: 'logins', sidName: 'id', sync: false, gcInterval: 0 },
    ],
    [
      'connectSessionKysely without a zone',
      connectSessionKysely(knex, { expired: 'timestamp' }),
      { layout: 'connect-session-kysely-utc', gcInterval: 60_000 },
    ],
    [
      'sequelizeSessionStore',
      sequelizeSessionStore(knex, { sequelize: {}, expiration: { interval: false, life: 60_000 } }),
      { tableName: 'session', expireAtName: 'expire', additionalName: 'sess', gcInterval: 0, maxAge: 60_000 },
    ],
  ])('%s', (_title, given, expected) => {
    expect(meaning(given)).toMatchObject(expected);
  });

  it('extras fill the columns that schemas name, unless those say where they come from', () => {
    const extras = (session: object) => ({ user_id: (session as { passport?: { user: string } }).passport?.user });
    const [, options] = sequelizeSessionStore(
      knex,
      { extras },
      {
        schemas: [
          { name: 'user_id', type: 'string' },
          { name: 'role', type: 'string', from: 'passport.role' },
        ],
      },
    );
    const [user, role] = (options.schemas ?? []) as readonly SchemaField[];
    const from = user?.from as (session: object) => unknown;
    expect(from({ passport: { user: 'ada' } })).toBe('ada');
    expect(from({})).toBeUndefined();
    expect(role?.from).toBe('passport.role');
  });
});

describe('every function', () => {
  type Take = (options: object, more?: StoreOptions) => readonly [Knex | undefined, object];
  const functions: readonly [string, Take][] = [
    ['connectSessionKnex', (options, more) => connectSessionKnex({ knex, ...options }, more)],
    ['connectPgSimple', (options, more) => connectPgSimple(knex, options, more)],
    ['connectSessionKysely', (options, more) => connectSessionKysely(knex, options, more)],
    ['expressMysqlSession', (options, more) => expressMysqlSession(knex, options, more)],
    ['knexSchemaSessionStore', (options, more) => knexSchemaSessionStore(knex, options, more as never)],
    ['koaGenericSessionKnex', (options, more) => koaGenericSessionKnex(knex, options, more)],
    ['sequelizeSessionStore', (options, more) => sequelizeSessionStore(knex, options, more)],
  ];

  it.each(functions)('%s refuses what the predecessor never had, and takes options of ours beside', (_name, take) => {
    expect(() => take({ nonsense: 1 })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(() => take({}, { layout: 'connect-pg-simple' })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
    expect(meaning(take({}, { timeout: 5, maxAge: 7 }))).toMatchObject({ timeout: 5, maxAge: 7 });
    expect(take({})[0]).toBe(knex);
  });

  it.each(functions)('%s keeps what the predecessor said where an option of ours is undefined', (_name, take) => {
    const names = ['tableName', 'sidName', 'expireAtName', 'additionalName', 'maxAge', 'gcInterval', 'sync'];
    const more = Object.fromEntries(names.map((name) => [name, undefined])) as StoreOptions;
    expect(meaning(take({}, more))).toEqual(meaning(take({})));
    expect(take({}, more)[1]).toMatchObject({ tableName: (take({})[1] as StoreOptions).tableName });
  });

  it.each(functions)('%s keeps what would hide sessions from the predecessor until split', (_name, take) => {
    expect(() => resolveOptions(take({}, { hashSid: true })[1])).toThrow(/hashSid would hide/);
    expect(resolveOptions(take({}, { hashSid: true, split: true })[1])).toMatchObject({ hashSid: true });
  });
});

describe('the options', () => {
  it.each<[StoreOptions<readonly FieldShape[]>, RegExp]>([
    [{ layout: 'connect-session-knx' as never }, /did you mean connect-session-knex/],
    [{ split: true }, /name its layout/],
    [{ layout: 'connect-pg-simple', revisionName: 'rev' }, /no revisions/],
    [
      { layout: 'knex-schema-session-store', schemas: [{ name: 'score', type: 'float' }] },
      /'score'.*declare it as 'double'/,
    ],
    [
      { layout: 'knex-schema-session-store', schemas: [{ name: 'score', type: 'double', from: 'score' }] },
      /'score'.*leave from out/,
    ],
    [
      { layout: 'connect-pg-simple', split: true, codec: { encode: (text) => text, decode: (text) => text } },
      /column of JSON/,
    ],
  ])('%o are refused', (options, message) => {
    expect(() => resolveOptions(options)).toThrow(message);
  });

  it('are in the table of the README, each of them', () => {
    const text = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    const named = [...text.matchAll(/^\| ((?:`\w+` )+)\|/gm)].flatMap(([, cell = '']) => cell.trim().split(' '));
    expect(named).toEqual(expect.arrayContaining(Object.keys(resolveOptions()).map((name) => `\`${name}\``)));
  });

  it('infer the columns, through the arguments, too', () => {
    const store = new KnexSessionStore(
      ...connectSessionKnex({ knex, createTable: false }, { schemas: [{ name: 'user_id', type: 'string' }] }),
    );
    const user: Promise<string | null | undefined> = store.get('a').then((session) => session?.user_id);
    user.catch(() => {});
    // @ts-expect-error: it is no column
    store.find({ userid: 'a' }).catch(() => {});
    return store.close();
  });
});
