import { readFileSync } from 'node:fs';
import createKnex, { type Knex } from 'knex';
import { describe, expect, expectTypeOf, it } from 'vitest';
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

  it('takes cleanupInterval before what version 5, which brought it, did not look at', () => {
    const leftovers = [
      { clearInterval: 5000 },
      { disableDbCleanup: true },
      { clearInterval: 0, disableDbCleanup: true },
    ];
    for (const leftover of leftovers) {
      expect(meaning(connectSessionKnex({ knex, cleanupInterval: 7000, ...leftover }))).toMatchObject({
        gcInterval: 7000,
      });
      expect(meaning(connectSessionKnex({ knex, cleanupInterval: 0, ...leftover }))).toMatchObject({ gcInterval: 0 });
    }
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
          multipleStatements: true,
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

describe('what 0 meant', () => {
  it.each<[string, (ms: number) => readonly [Knex | undefined, object]]>([
    ['max_age', (ms) => knexSchemaSessionStore(knex, { max_age: ms })],
    ['browserSessionLifetime', (ms) => koaGenericSessionKnex(knex, { browserSessionLifetime: ms })],
    ['expiration', (ms) => expressMysqlSession(knex, { expiration: ms })],
    ['life', (ms) => sequelizeSessionStore(knex, { expiration: { life: ms } })],
  ])('%s: that a session is over at once', (_name, take) => {
    expect(meaning(take(0))).toMatchObject({ maxAge: 1 });
    expect(meaning(take(-5))).toMatchObject({ maxAge: 1 });
    expect(meaning(take(60_000))).toMatchObject({ maxAge: 60_000 });
    expect(() => meaning(take(Number.NaN))).toThrow(/maxAge/);
  });

  it('ttl and pruneSessionInterval: the default', () => {
    expect(meaning(connectPgSimple(knex, { ttl: 0, pruneSessionInterval: 0 }))).toEqual(meaning(connectPgSimple(knex)));
    expect(meaning(connectPgSimple(knex, { ttl: -1 }))).toMatchObject({ maxAge: 1 });
  });

  it('sync_timeout and syncTimeout: no patience', () => {
    expect(meaning(knexSchemaSessionStore(knex, { sync_timeout: 0 }))).toMatchObject({ syncTimeout: 1 });
    expect(meaning(koaGenericSessionKnex(knex, { syncTimeout: 0 }))).toMatchObject({ syncTimeout: 1 });
  });

  it('gc_interval and checkExpirationInterval: a collection without a pause, which is refused', () => {
    const told = expect.objectContaining({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(/without a pause.*gcInterval: 0/),
    });
    expect(() => knexSchemaSessionStore(knex, { gc_interval: 0 })).toThrow(told);
    expect(() => expressMysqlSession(knex, { checkExpirationInterval: 0 })).toThrow(told);
    for (const gcInterval of [0, 60_000]) {
      expect(meaning(knexSchemaSessionStore(knex, { gc_interval: 0 }, { gcInterval }))).toMatchObject({ gcInterval });
      expect(meaning(expressMysqlSession(knex, { checkExpirationInterval: 0 }, { gcInterval }))).toMatchObject({
        gcInterval,
      });
    }
    const off = { clearExpired: false, checkExpirationInterval: 0 };
    expect(meaning(expressMysqlSession(knex, off))).toMatchObject({ gcInterval: 0 });
  });
});

describe('the types of knexSchemaSessionStore', () => {
  const schemasOf = (type: string, more: object = {}) => {
    const schemas = [{ name: 'column', type, ...more }] as never;
    return resolveOptions(knexSchemaSessionStore(knex, { schemas })[1]).schemas[0];
  };

  it.each([
    ...[
      ['bigint', 'bigInteger'],
      ['biginteger', 'bigInteger'],
      ['int', 'integer'],
      ['bool', 'boolean'],
    ],
    ...[
      ['dateTime', 'datetime'],
      ['varchar', 'string'],
    ],
  ] as const)('%s is %s', (theirs, ours) => {
    expect(schemasOf(theirs)).toEqual({ name: 'column', type: ours });
  });

  it('keep their arguments, and what else is said of the column', () => {
    const extra = () => {};
    expect(schemasOf('enu', { args: [['a', 'b']], index: true })).toMatchObject({
      type: 'enum',
      args: [['a', 'b']],
      index: true,
    });
    expect(schemasOf('varchar', { args: [40], extra })).toEqual({ name: 'column', type: 'string', args: [40], extra });
    for (const type of ['mediumtext', 'mediumText', 'longtext', 'longText']) {
      expect(schemasOf(type)).toEqual({ name: 'column', type: 'text', args: [type.toLowerCase()] });
    }
  });

  it('are made as knex makes them by the other name', () => {
    for (const client of ['pg', 'mysql2', CLIENT]) {
      const compiled = (type: string, args: readonly unknown[]) => {
        const made = createKnex({ client, useNullAsDefault: true }).schema.createTable('t', (table) => {
          (table as unknown as Record<string, (...given: unknown[]) => unknown>)[type]?.('c', ...args);
        });
        return made.toSQL()[0]?.sql;
      };
      for (const theirs of ['bigint', 'biginteger', 'bool', 'dateTime', 'varchar', 'enu', 'mediumtext', 'longText']) {
        if (theirs.endsWith('ext') && client !== 'mysql2') continue; // elsewhere knex has no such type
        const args = theirs === 'enu' ? [['a', 'b']] : [];
        const field = schemasOf(theirs, { args });
        expect(compiled(field?.type ?? '', field?.args ?? []), `${theirs} for ${client}`).toBe(compiled(theirs, args));
      }
    }
  });

  it('are refused where the column would be read otherwise, or is none that a session can have', () => {
    expect(() => schemasOf('real')).toThrow(/'column'.*declare it as 'double'/);
    for (const type of ['specificType', 'increments', 'point', 'toString']) {
      expect(() => schemasOf(type)).toThrow(/schemas\[0\]\.type must be one of/);
    }
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const schemas of [7, 'bigint', { name: 'a', type: 'bigint' }, [null], [7], [{}], [proxy]]) {
      const take = () => resolveOptions(knexSchemaSessionStore(knex, { schemas } as never)[1]);
      expect(take).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    }
  });

  it('are inferred', async () => {
    const schemas = [
      { name: 'seen', type: 'dateTime' },
      { name: 'big', type: 'bigint' },
      { name: 'name', type: 'string', args: [20] },
    ] as const;
    const store = new KnexSessionStore(...knexSchemaSessionStore(knex, { sync: false, schemas }, { gcInterval: 0 }));
    type Read = NonNullable<Awaited<ReturnType<typeof store.get>>>;
    expectTypeOf<Read['seen']>().toEqualTypeOf<Date | null | undefined>();
    expectTypeOf<Read['big']>().toEqualTypeOf<number | string | null | undefined>();
    expectTypeOf<Read['name']>().toEqualTypeOf<string | null | undefined>();
    const misspelt = { name: 'a', type: 'dateTme' } as const;
    // @ts-expect-error: it is no type of knex's
    expect(() => resolveOptions(knexSchemaSessionStore(knex, { schemas: [misspelt] })[1])).toThrow(/dateTme/);
    await store.close();
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
