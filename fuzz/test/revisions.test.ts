import { KnexSessionStore, type Revision } from '@kss/core';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answer } from '../src/answer.js';
import { type Bystanders, bystanders } from '../src/bystanders.js';
import { anything, type Hostile } from '../src/hostile.js';
import { fuzz, share } from '../src/run.js';

const TABLE = 'kss_fuzz_revisions';
const SPARE = 25;

/** Objects that look like a revision, made of a real one. */
const FORGED: Readonly<Record<string, (real: Revision) => unknown>> = {
  'a copy of its keys': (real) => ({ ...real }),
  'its prototype': (real) => Object.create(Object.getPrototypeOf(real) as object) as unknown,
  'one made of it': (real) => Object.create(real) as unknown,
  'a proxy of it': (real) => new Proxy(real, {}),
  'its class': (real) => real.constructor,
  'another of its class': (real) =>
    new (real.constructor as new (open: unknown) => unknown)({ token: 0, merged: false }),
  'its text': (real) => String(real),
  'its JSON': (real) => JSON.parse(JSON.stringify(real)) as unknown,
  'what it might hold': () => ({ token: 1, base: () => ({}), merged: false }),
  'a function': () => () => 1,
  'a list of it': (real) => [real],
  'nothing at all': () => null,
};
// Its class is reached by its constructor, as every class is; what it makes says nothing that a store said.
const { 'another of its class': ofClass, ...forged } = FORGED;

describeDatabases('forged revisions', ({ name }, knex) => {
  let store: KnexSessionStore;
  let others: Bystanders;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, timeout: 60_000, onError: () => {} });
    await store.waitForSync();
    others = await bystanders(knex(), TABLE);
  });
  afterAll(async () => {
    await store.close();
    await others.remove();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it('are refused, and the stored session stays', async () => {
    const arbitrary: fc.Arbitrary<Hostile | string> = fc.oneof(anything, fc.constantFrom(...Object.keys(forged)));
    await fuzz({
      name: `revisions on ${name}`,
      cases: share(100_000, name),
      arbitrary,
      holds: () => others.holds(),
      check: async (kind, at) => {
        const sid = `mine-${at % SPARE}`;
        const real = await store.set(sid, { at });
        const revision = typeof kind === 'string' ? forged[kind]?.(real) : kind.make();
        if (revision === undefined) return;
        const ended = await answer(() => store.update(sid, { at: -1 }, { revision } as never), {
          allowed: ['INVALID_OPTION'],
        });
        expect(ended).toStrictEqual({ refused: 'INVALID_OPTION' });
        expect(await store.get(sid)).toStrictEqual({ at });
      },
    });
  });

  it('of another session, or of a session that ended, reach none', async () => {
    await fuzz({
      name: `revisions of others on ${name}`,
      cases: share(40_000, name),
      arbitrary: fc.constantFrom('other', 'ended', 'reborn', 'other-1'),
      holds: () => others.holds(),
      check: async (kind, at) => {
        const [sid, another] = [`mine-${at % SPARE}`, `another-${at % SPARE}`];
        await store.destroy(sid);
        const old = await store.set(sid, { old: at });
        const its = await store.set(another, { another: at });
        const loaded = kind === 'other-1' ? (await store.load('other-1'))?.revision : undefined;
        if (kind === 'ended' || kind === 'reborn') await store.destroy(sid);
        if (kind === 'reborn') await store.set(sid, { reborn: at });
        const revision = { other: its, 'other-1': loaded, ended: old, reborn: old }[kind];
        const before = await store.get(sid);
        expect(await store.update(sid, { stolen: at }, { revision })).toBeNull();
        expect(await store.get(sid)).toStrictEqual(before);
        expect(await store.get(another)).toStrictEqual({ another: at });
      },
    });
  });

  it('made by the class of a real one reach no session', async () => {
    const real = await store.set('mine', { n: 1 });
    const made = ofClass?.(real);
    const ended = await answer(() => store.update('mine', { n: 2 }, { revision: made as Revision }));
    expect('refused' in ended || ended.value === null).toBe(true);
    expect(await store.get('mine')).toStrictEqual({ n: 1 });
  });
});
