import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { isKssError, KnexSessionStore } from '../src/index.js';
import type { SchemaField } from '../src/types.js';
import { type Watch, watch } from './watch.js';

const TABLE = 'kss_batch_refusals';
const SIZE = 100;
// Two statements for each halving of a hundred, and as many that ask, or try one alone.
const FEW = 32;

const schemas = [
  { name: 'must', type: 'string', args: [20], extra: (column) => column.notNullable() },
  { name: 'device', type: 'string', args: [20], extra: (column) => column.unique() },
  { name: 'title', type: 'string', args: [30] },
] as const satisfies readonly SchemaField[];
type Input = { must?: string; device?: string; title?: string; n: number };

const sids = Array.from({ length: SIZE }, (_, i) => `s${i}`);
const good = (i: number): Input => ({ must: 'yes', device: `d${i}`, title: 'fine', n: i });

/** A table that refuses a title for a reason of the app's own. One apart: triggers change how MySQL checks for NULL. */
const GUARDED = `${TABLE}_trigger`;
const TRIGGERS: Readonly<Partial<Record<DatabaseName, (event: string) => string>>> = {
  sqlite: (event) =>
    `create trigger ${GUARDED}_${event} before ${event} on ${GUARDED} when new.title = 'no' begin select raise(abort, 'not so'); end`,
  mysql: (event) =>
    `create trigger ${GUARDED}_${event} before ${event} on ${GUARDED} for each row ` +
    "begin if new.title = 'no' then signal sqlstate '45000' set message_text = 'not so'; end if; end",
  postgres: (event) =>
    `create trigger ${GUARDED}_${event} before ${event} on ${GUARDED} for each row when (new.title = 'no') execute function ${GUARDED}()`,
};

async function addTriggers(knex: Knex, name: DatabaseName): Promise<void> {
  const family = name === 'pglite' ? 'postgres' : name === 'mariadb' ? 'mysql' : name;
  if (family === 'postgres') {
    const body = `begin raise exception 'not so'; end`;
    await knex.raw(
      `create or replace function ${GUARDED}() returns trigger language plpgsql as '${body.replaceAll("'", "''")}'`,
    );
  }
  for (const event of ['insert', 'update']) await knex.raw(TRIGGERS[family]?.(event) ?? '');
}

interface Refused {
  readonly why: string;
  readonly wrong: Partial<Input>;
  readonly says: string;
  readonly table?: string;
}

describeDatabases('one session that the database refuses', ({ name }, knex) => {
  const narrow = name !== 'sqlite'; // which keeps what a narrower column does not hold
  const cases: Refused[] = [
    { why: 'a required column', wrong: { must: undefined as never }, says: 'must' },
    { why: 'a unique column', wrong: { device: 'taken' }, says: 'unique' },
    { why: 'a trigger', wrong: { title: 'no' }, says: 'not so', table: GUARDED },
    ...(narrow ? [{ why: 'a narrower column', wrong: { title: 'x'.repeat(21) }, says: 'too long' }] : []),
  ];
  const stores: Record<string, KnexSessionStore<typeof schemas>> = {};
  let store: KnexSessionStore<typeof schemas>;
  let seen: Watch;

  beforeAll(async () => {
    const narrower = schemas.map((field) => (field.name === 'title' ? { ...field, args: [20] } : field));
    for (const tableName of [TABLE, GUARDED]) {
      await knex().schema.dropTableIfExists(tableName);
      const maker = new KnexSessionStore<readonly SchemaField[]>(knex(), { tableName, schemas: narrower });
      await maker.waitForSync();
      await maker.close();
      stores[tableName] = new KnexSessionStore(knex(), { tableName, schemas, sync: false, gcInterval: 0 });
    }
    await addTriggers(knex(), name);
    seen = watch(knex());
  });
  const use = async (tableName = TABLE) => {
    store = stores[tableName] as typeof store;
    await store.clear();
    await store.set('other', { must: 'yes', device: 'taken' });
    seen.since();
  };
  beforeEach(() => use());
  afterAll(async () => {
    seen.stop();
    for (const one of Object.values(stores)) await one.close();
    for (const tableName of [TABLE, GUARDED]) await knex().schema.dropTableIfExists(tableName);
    if (name === 'postgres' || name === 'pglite') await knex().raw(`drop function if exists ${GUARDED}()`);
  });

  const input = (i: number, n: number, wrong?: Partial<Input>) => ({ ...good(i), n, ...wrong }) as never;
  const stored = async () => {
    const got = (await Promise.all(sids.map((sid) => store.get(sid)))) as (Input | null)[];
    return got.map((session) => session?.n ?? null);
  };
  // One driver does not tell a trigger's refusal from a value's.
  const refused = (says: string) =>
    expect.objectContaining({
      name: 'KssError',
      code: expect.stringMatching(/COLUMN_VALUE|DATABASE/),
      message: expect.stringContaining(says),
    });
  const outcome = (result: PromiseSettledResult<unknown>) => (result.status === 'rejected' ? result.reason : null);

  const positions = [[0], [57], [SIZE - 1], [0, 3, SIZE - 1]];
  const titled = cases.flatMap((one) => positions.map((at) => [one.why, at, one] as const));

  it.each(titled)('is refused alone, by its own error: %s, at %j', async (_, at, { wrong, says, table }) => {
    await use(table);
    // Of several with one value of a unique column, each is refused: the value is another session's already.
    const bad = (i: number) => (at.includes(i) ? wrong : undefined);
    const rejected = (i: number) => (at.includes(i) ? refused(says) : null);
    const few = FEW * at.length;

    const sets = await Promise.allSettled(sids.map((sid, i) => store.set(sid, input(i, 1, bad(i)))));
    expect(seen.since().length).toBeLessThanOrEqual(few);
    expect(sets.map(outcome)).toEqual(sids.map((_sid, i) => rejected(i)));
    expect(await stored()).toStrictEqual(sids.map((_sid, i) => (at.includes(i) ? null : 1)));

    await Promise.all(at.map((i) => store.set(sids[i] as string, input(i, 1))));
    const loaded = await Promise.all(sids.map((sid) => store.load(sid)));
    const revisions = [loaded.map((one) => one?.revision), loaded.map(() => undefined)];
    for (const [pass, known] of revisions.entries()) {
      seen.since();
      const updates = await Promise.allSettled(
        sids.map((sid, i) => store.update(sid, input(i, 2 + pass, bad(i)), { revision: known[i] })),
      );
      expect(seen.since().length).toBeLessThanOrEqual(few);
      expect(updates.map(outcome)).toEqual(sids.map((_sid, i) => rejected(i)));
      expect(await stored()).toStrictEqual(sids.map((_sid, i) => (at.includes(i) ? 1 : 2 + pass)));
    }
  });

  it('is the second of two that bring the same value of a unique column together', async () => {
    const results = await Promise.allSettled(
      sids
        .slice(0, 10)
        .map((sid, i) => store.set(sid, { must: 'yes', device: i === 3 || i === 7 ? 'same' : `d${i}`, n: i })),
    );
    const refusals = results.map(outcome);
    expect(refusals.filter((error) => error !== null)).toEqual([refused('unique')]);
    expect(refusals.findIndex((error) => error !== null)).toBe(7);
    expect((await stored()).slice(0, 10)).toStrictEqual([0, 1, 2, 3, 4, 5, 6, null, 8, 9]);
  });

  it('fails with the others where each of them is wrong, each with its own error', async () => {
    const few = sids.slice(0, 8);
    const results = await Promise.allSettled(few.map((sid) => store.set(sid, { title: 'fine' })));
    const errors = results.map(outcome);
    expect(errors).toEqual(few.map(() => refused('must')));
    expect(new Set(errors).size).toBe(few.length);
    expect(await store.count('all')).toBe(1);
  });
});

describeDatabases('what fails for all of them', ({ name }, knex) => {
  const gone = `${TABLE}_gone`;
  let store: KnexSessionStore;
  let seen: Watch;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(gone);
    seen = watch(knex());
  });
  afterEach(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(gone);
  });
  afterAll(() => seen.stop());

  it('takes few statements, and each caller gets an error of its own', async () => {
    store = new KnexSessionStore(knex(), { tableName: gone, gcInterval: 0 });
    await store.waitForSync();
    await Promise.all(sids.map((sid) => store.set(sid, {})));
    await knex().schema.dropTable(gone);
    const verbs: Record<string, (sid: string) => Promise<unknown>> = {
      get: (sid) => store.get(sid),
      set: (sid) => store.set(sid, {}),
      update: (sid) => store.update(sid, {}),
      touch: (sid) => store.touch(sid),
      destroy: (sid) => store.destroy(sid),
    };
    for (const [verb, call] of Object.entries(verbs)) {
      seen.since();
      const results = await Promise.allSettled([...sids, 's0'].map(call));
      const errors = results.map((result) => (result.status === 'rejected' ? (result.reason as Error) : undefined));
      // One for all, three that try one alone, one for the second call on the same session.
      const halved = (name === 'mariadb' || name === 'mysql') && (verb === 'update' || verb === 'touch');
      expect([verb, seen.since().length <= (halved ? 9 : 5)]).toStrictEqual([verb, true]);
      expect([verb, errors.filter((error) => isKssError(error, 'DATABASE')).length]).toStrictEqual([verb, SIZE + 1]);
      expect([verb, new Set(errors).size]).toStrictEqual([verb, SIZE + 1]);
      Object.assign(errors[0] as Error, { status: 500 });
      expect(errors[1]).not.toHaveProperty('status');
    }
  });
});
