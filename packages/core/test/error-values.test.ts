import { inspect } from 'node:util';
import { describeDatabases } from '@kss/test-kit';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { failure } from './failure.js';

const TABLE = 'kss_error_values';
const SECRET = 'hunter2';
const schemas = [{ name: 'user_id', type: 'string', index: true }] as const;
type Store = KnexSessionStore<typeof schemas>;

const CALLS: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  get: (store) => store.get(SECRET),
  set: (store) => store.set(SECRET, { user_id: SECRET, password: SECRET }),
  update: (store) => store.update(SECRET, { user_id: SECRET, password: SECRET }),
  touch: (store) => store.touch(SECRET),
  destroy: (store) => store.destroy(SECRET),
  find: (store) => store.find({ user_id: SECRET }),
  count: (store) => store.count({ user_id: SECRET }),
  destroyWhere: (store) => store.destroyWhere({ user_id: SECRET }, { except: SECRET }),
};

describeDatabases('an error of the database', (_, knex) => {
  let store: Store;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), { tableName: TABLE, schemas, syncTimeout: 20_000, gcInterval: 0 });
    await store.waitForSync();
    await knex().schema.dropTable(TABLE);
  });
  afterEach(async () => {
    await knex().schema.dropTableIfExists(TABLE);
  });

  it.each(Object.entries(CALLS))('says what was wrong, and shows neither sid nor session: %s', async (_verb, call) => {
    const error = await call(store).then(
      () => expect.unreachable(),
      (reason: unknown) => reason,
    );
    expect(error).toEqual(failure('DATABASE', TABLE)); // no such table
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET);
  });
});
