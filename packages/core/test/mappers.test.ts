import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import createKnex, { type Knex } from 'knex';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { handleOf } from '../src/sid.js';

const TABLE = 'kssTestMappers';
const TABLE_THERE = 'kss_test_mappers';

const toSnake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const toCamel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function camelKeys(row: unknown): unknown {
  if (Array.isArray(row)) return row.map(camelKeys);
  if (typeof row !== 'object' || row === null || Object.getPrototypeOf(row) !== Object.prototype) return row;
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [toCamel(key), value]));
}

/** The same database, as an app has it that writes snake_case there and camelCase in its own code. */
function withMappers({ client }: Knex, name: DatabaseName): Knex {
  const { config, pglite } = client as { config: Knex.Config; pglite?: unknown };
  const there = name === 'pglite' ? { client: config.client, dialect: 'postgres', connection: { pglite } } : config;
  return createKnex({
    ...(there as Knex.Config),
    wrapIdentifier: (value: string, wrap: (value: string) => string) => wrap(toSnake(value)),
    postProcessResponse: camelKeys,
  });
}

const NAMES = [
  {
    title: 'the names of our own',
    tableName: TABLE_THERE,
    names: {},
    user: 'user_id',
    columns: ['sid', 'expire_at', 'revision', 'created_at', 'updated_at', 'user_id', 'additional'],
  },
  {
    title: 'names in camelCase',
    tableName: TABLE,
    names: { sidName: 'sessionId', expireAtName: 'expiresAt', additionalName: 'jsonText', revisionName: 'rowRevision' },
    user: 'userId',
    columns: ['session_id', 'expires_at', 'row_revision', 'created_at', 'updated_at', 'user_id', 'json_text'],
  },
] as const;
const CASES = NAMES.map((one) => [one.title, one] as const);

describeDatabases('an app with mappers of names', ({ name }, plain) => {
  const stores: { close(): Promise<void> }[] = [];
  let knex: Knex;

  beforeAll(async () => {
    await plain().raw('select 1');
    knex = withMappers(plain(), name);
    await knex.schema.dropTableIfExists(TABLE);
  });

  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex.schema.dropTableIfExists(TABLE);
  });

  afterAll(async () => {
    // The one PGlite is the suite's.
    if (name !== 'pglite') await knex.destroy();
  });

  const open = ({ tableName, names, user }: (typeof NAMES)[number]) => {
    const schemas = [{ name: user, type: 'string', args: [100], index: true }] as const;
    const store = new KnexSessionStore(knex, { tableName, ...names, schemas, timestamps: true, gcInterval: 0 });
    stores.push(store);
    return store;
  };
  const mineIn = (user: string) => (id: string) => ({ [user]: id }) as { user_id: string; userId: string };

  it.each(CASES)('has every verb with %s', async (_, names) => {
    const store = open(names);
    const mine = mineIn(names.user);
    await store.set('a', { ...mine('ada'), camelCase: 1, snake_case: { inner_key: 2 } });
    await store.set('b', mine('ada'));
    await store.set('c', mine('bob'));
    await store.set('d', mine('bob'), -1);
    expect(await store.get('a')).toStrictEqual({ ...mine('ada'), camelCase: 1, snake_case: { inner_key: 2 } });

    const found = await store.find(mine('ada'), { current: 'a', data: true, orderBy: { column: 'expiresAt' } });
    expect(found.map(({ handle }) => handle).sort()).toEqual([handleOf('a'), handleOf('b')].sort());
    for (const entry of found) {
      expect(entry).toMatchObject({ columns: mine('ada'), data: mine('ada'), createdAt: expect.any(Date) });
    }
    expect(await store.count((query) => query.where(names.user, 'ada'))).toBe(2);
    expect(await store.touch('a', 5000)).toBe(true);
    const loaded = await store.load('a');
    expect(await store.update('a', mine('ada'), { revision: loaded?.revision })).not.toBeNull();
    expect(await store.gc()).toBe(1);
    expect(await store.destroyWhere(mine('ada'), { except: 'a' })).toBe(1);
    await store.destroy('a');
    expect(await store.count('all')).toBe(1);
    expect(await store.clear()).toBe(1);
  });

  it.each(CASES)('ends the session of a handle with %s', async (_, names) => {
    const store = open(names);
    const mine = mineIn(names.user);
    await store.set('a', mine('ada'));
    await store.set('b', mine('ada'));
    expect(await store.destroyWhere(mine('ada'), { handle: handleOf('b') })).toBe(1);
    expect(await store.get('a')).toStrictEqual(mine('ada'));
    expect(await store.get('b')).toBeNull();
  });

  it.each(CASES)('finds the table that is there with %s, under its names in the database', async (_, names) => {
    const store = open(names);
    const mine = mineIn(names.user);
    await store.set('a', mine('ada'));
    const again = open(names);
    await again.waitForSync();
    expect(await again.get('a')).toStrictEqual(mine('ada'));
    if (name === 'sqlite') return; // in memory, one for each knex
    const [row] = await plain()(TABLE_THERE).select(names.columns);
    expect(row).toMatchObject({ user_id: 'ada' });
  });
});
