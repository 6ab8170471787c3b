import { isDeepStrictEqual } from 'node:util';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { fillingOf } from '../src/filling.js';
import { KnexSessionStore, type Revision } from '../src/index.js';
import { partsOf } from '../src/store.js';
import { liveRow } from '../src/whole-table.js';
import { everyColumn, heldBy } from './every-column.js';
import { failure } from './failure.js';
import { watch } from './watch.js';

const SEED = 20_261_121;
const HOUR = 3_600_000;

/** Columns hold a part of the session, and nothing but its content tells one save from another. */
describeDatabases('a save in a table without revisions', ({ name, label }, knex) => {
  const tableName = `kss_unrevised_${label.replace(/\W/g, '_')}`;
  const schemas = everyColumn(name);
  type Store = KnexSessionStore<typeof schemas>;
  const opened: Store[] = [];
  const open = (onConflict: 'merge' | 'reject' | 'overwrite') => {
    const store: Store = new KnexSessionStore(knex(), {
      tableName,
      layout: 'connect-session-knex',
      split: true,
      schemas,
      onConflict,
      gcInterval: 0,
    });
    opened.push(store);
    return store;
  };
  let merging: Store;
  let strict: Store;
  let other: Store;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(tableName);
    merging = open('merge');
    await merging.waitForSync();
    strict = open('reject');
    other = open('merge');
  });
  beforeEach(async () => {
    await other.clear();
  });
  afterAll(async () => {
    for (const store of opened) await store.close();
    await knex().schema.dropTableIfExists(tableName);
  });

  const load = async (store: Store, sid = 'a') => {
    const loaded = await store.load(sid);
    if (loaded === null) throw new Error('It was not there.');
    return loaded;
  };
  /** What another request makes of the session that it finds. */
  const change = async (changed: (session: Record<string, unknown>) => object) => {
    const { session, revision } = await load(other);
    expect(await other.update('a', changed({ ...session }), { revision })).not.toBeNull();
  };

  it.each(schemas)('sees what another changed in the column $name alone', async ({ name: key, type }) => {
    const [one, two] = fc
      .sample(fc.tuple(heldBy(type), heldBy(type)), { seed: SEED, numRuns: 200 })
      .find(([a, b]) => a !== null && b !== null && !isDeepStrictEqual(a, b)) as [unknown, unknown];
    const changes: [unknown, unknown][] = [
      [one, two],
      [one, undefined],
      [undefined, two],
    ];
    for (const [before, after] of changes) {
      const session = before === undefined ? { n: 0 } : { n: 0, [key]: before };
      const changed = after === undefined ? { n: 0 } : { n: 0, [key]: after };
      await other.set('a', session);
      const [mine, refused] = [await load(merging), await load(strict)];
      await change(() => changed);
      const save = strict.update('a', { ...refused.session, n: 1 }, { revision: refused.revision });
      await expect(save).rejects.toEqual(failure('CONFLICT'));
      expect(await merging.update('a', { ...mine.session, n: 1 }, { revision: mine.revision })).not.toBeNull();
      expect(await other.get('a')).toStrictEqual({ ...changed, n: 1 });
    }
  });

  it('meets no conflict in its own values, whatever they are, and asks for what was read in one statement', async () => {
    const record = Object.fromEntries(
      schemas.map(({ name: key, type }) => [key, fc.option(heldBy(type), { freq: 5 })]),
    );
    const sessions = fc.sample(fc.record(record, { noNullPrototype: true }), { seed: SEED, numRuns: 40 });
    for (const [n, session] of sessions.entries()) {
      let revision: Revision | null = await strict.set('a', { ...session, n });
      for (const more of [1, 2]) {
        revision = await strict.update('a', { ...session, n, more }, { revision: revision as Revision });
        expect(revision).not.toBeNull();
      }
      const { session: read, revision: loaded } = await load(strict);
      const seen = watch(knex());
      revision = await strict.update('a', { ...read, more: 3 }, { revision: loaded });
      seen.stop();
      expect([session, seen.sent.length]).toEqual([session, 1]);
      expect(await strict.get('a')).toStrictEqual({ ...session, n, more: 3 });
    }
  });

  it('asks for nothing where it is to overwrite', async () => {
    const careless = open('overwrite');
    await other.set('a', { c_integer: 1, n: 0 });
    const { revision } = await load(careless);
    await change((session) => ({ ...session, c_integer: 2, theirs: 1 }));
    expect(await careless.update('a', { n: 1 }, { revision })).not.toBeNull();
    expect(await other.get('a')).toStrictEqual({ n: 1 });
    expect(await other.update('a', { n: 2 })).not.toBeNull();
  });

  it.each(['merge', 'reject'] as const)(
    'of what another saved, too, keeps its own end of the session (%s)',
    async (onConflict) => {
      const store = onConflict === 'merge' ? merging : strict;
      await other.set('a', { c_string: 'ada', n: 0 }, HOUR);
      const { revision } = await load(store);
      const theirs = await load(other);
      await other.update('a', { c_string: 'bob', n: 1 }, { revision: theirs.revision, maxAge: HOUR });
      const next = await store.update('a', { c_string: 'bob', n: 1 }, { revision, maxAge: 5 * HOUR });
      const [found] = await other.find('all', { data: true });
      expect(found?.data).toStrictEqual({ c_string: 'bob', n: 1 });
      expect((found?.expiresAt.getTime() ?? 0) - Date.now()).toBeGreaterThan(4 * HOUR);
      expect(await store.update('a', { n: 2 }, { revision: next as Revision })).not.toBeNull();
      expect(await other.get('a')).toStrictEqual({ n: 2 });
    },
  );

  it('fills no columns of a row that another changed in its columns', async () => {
    await other.set('a', { c_string: 'ada', n: 0 });
    await knex()(tableName).where('sid', 'a').update({ sess: '{"n":0,"c_text":"from before the column"}' });
    const { place, batch } = partsOf(merging);
    const stale = await liveRow(place, 'a');
    if (stale === undefined) throw new Error('It was not there.');
    const filled = fillingOf(stale, place);
    if (filled === undefined) throw new Error('It had nothing to fill.');
    await knex()(tableName).where('sid', 'a').update({ c_string: 'bob' });
    expect(await batch.fill(stale, filled)).toBe(false);
    const now = await liveRow(place, 'a');
    expect(now !== undefined && (await batch.fill(now, fillingOf(now, place) ?? filled))).toBe(true);
    expect(await other.get('a')).toStrictEqual({ n: 0, c_string: 'bob', c_text: 'from before the column' });
  });
});

describeDatabases('a save over a row that has no text', ({ label }, knex) => {
  const tableName = `kss_unrevised_null_${label.replace(/\W/g, '_')}`;
  const stores: KnexSessionStore[] = [];

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(tableName);
    for (const onConflict of ['merge', 'reject'] as const)
      stores.push(
        new KnexSessionStore(knex(), {
          tableName,
          layout: 'knex-schema-session-store',
          onConflict,
          gcInterval: 0,
        }),
      );
    for (const store of stores) await store.waitForSync();
  });
  beforeEach(async () => {
    await knex()(tableName).delete();
    await knex()(tableName).insert({ sid: 'a', expire_at: Date.now() + HOUR, additional: null });
  });
  afterAll(async () => {
    for (const store of stores) await store.close();
    await knex().schema.dropTableIfExists(tableName);
  });

  it('is written while it has none, and meets what another wrote there', async () => {
    const [merging, strict] = stores as [KnexSessionStore, KnexSessionStore];
    const [mine, refused] = [await merging.load('a'), await strict.load('a')];
    const theirs = await merging.load('a');
    expect(await merging.update('a', { theirs: 1 }, { revision: theirs?.revision })).not.toBeNull();
    const save = strict.update('a', { mine: 1 }, { revision: refused?.revision });
    await expect(save).rejects.toEqual(failure('CONFLICT'));
    expect(await merging.update('a', { mine: 1 }, { revision: mine?.revision })).not.toBeNull();
    expect(await merging.get('a')).toStrictEqual({ theirs: 1, mine: 1 });
  });

  it('and what had a text and has none meets that, too', async () => {
    const [merging, strict] = stores as [KnexSessionStore, KnexSessionStore];
    await merging.set('a', { gone: 1 });
    const [mine, refused] = [await merging.load('a'), await strict.load('a')];
    await knex()(tableName).where('sid', 'a').update({ additional: null });
    const save = strict.update('a', { gone: 1, mine: 1 }, { revision: refused?.revision });
    await expect(save).rejects.toEqual(failure('CONFLICT'));
    expect(await merging.update('a', { gone: 1, mine: 1 }, { revision: mine?.revision })).not.toBeNull();
    expect(await merging.get('a')).toStrictEqual({ mine: 1 });
  });
});
