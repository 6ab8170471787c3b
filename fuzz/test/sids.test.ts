import { KnexSessionStore } from '@kss/core';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answer, valueIn } from '../src/answer.js';
import { type Bystanders, bystanders, OTHERS } from '../src/bystanders.js';
import { anything, type Hostile, made, text } from '../src/hostile.js';
import { fuzz, share } from '../src/run.js';
import { type Statements, statements } from '../src/statements.js';
import { warmUp } from '../src/warm-up.js';

const TABLE = 'kss_fuzz_sids';
const MEGABYTE = 2 ** 20;

const long = fc.tuple(fc.constantFrom('x', 'é', '\0', '😀'), fc.constantFrom(1, 10)).map(([unit, size]) => {
  return unit.repeat((size * MEGABYTE) / unit.length);
});
const sid: fc.Arbitrary<Hostile> = fc.oneof(
  { weight: 2000, arbitrary: made(text) },
  { weight: 1000, arbitrary: anything },
  { weight: 1, arbitrary: made(long) },
);

describeDatabases('hostile sids', ({ name }, knex) => {
  const stores: KnexSessionStore[] = [];
  let others: Bystanders;
  let sent: Statements;

  const tidy = async () => stores[0]?.destroyWhere((query) => query.whereNotIn('sid', OTHERS));

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    for (const options of [{}, { hashSid: true }, { batch: false as const }]) {
      const store = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0, timeout: 60_000, ...options });
      stores.push(store);
      await store.waitForSync();
    }
    others = await bystanders(knex(), TABLE);
    sent = statements(knex());
    for (const store of stores) {
      await warmUp(store);
      await store.set('harmless', {});
      await store.find('all', { current: 'harmless' });
    }
    for (const one of OTHERS) await stores[0]?.get(one);
    await others.holds();
    await tidy();
    sent.close();
  });
  afterAll(async () => {
    sent.stop();
    for (const store of stores) await store.close();
    await others.remove();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it('are refused as INVALID_SID, or are sessions of their own', async () => {
    await fuzz({
      name: `sids on ${name}`,
      cases: share(150_000, name),
      arbitrary: fc.tuple(sid, fc.nat({ max: 2 })),
      holds: async () => {
        await tidy();
        sent.holds();
        await others.holds();
      },
      check: async ([{ make }, which], at) => {
        const hostile = make();
        const store = stores[which] as KnexSessionStore;
        const one = hostile as string;
        const secret = hostile;
        const valid = typeof hostile === 'string' && hostile !== '' && !/\p{Surrogate}/u.test(hostile);
        if (!valid) {
          const calls = [
            () => store.get(one),
            () => store.load(one),
            () => store.set(one, {}),
            () => store.update(one, {}),
            () => store.touch(one),
            () => store.touch(one, 5, {}),
            () => store.destroy(one),
            ...(hostile === undefined ? [] : [() => store.find('all', { current: one })]),
          ];
          for (const call of calls) {
            expect(await answer(call as () => Promise<unknown>, { allowed: ['INVALID_SID'] })).toHaveProperty(
              'refused',
            );
          }
          return;
        }
        // Cases that run together may have the same sid; what each saves tells which store it was.
        const session = { at, which };
        valueIn(await answer(() => store.set(one, session), { secret }));
        const read = valueIn(await answer(() => store.get(one), { secret }));
        if (read !== null) expect(Object.keys(read)).toStrictEqual(['at', 'which']);
        expect(valueIn(await answer(() => store.touch(one, 60_000), { secret }))).toBeTypeOf('boolean');
        if (at % 3 === 0) {
          const found = valueIn(await answer(() => store.find('all', { current: one, limit: 5 }), { secret }));
          expect(JSON.stringify(found)).not.toContain(`"sid"`);
        }
        if (at % 2 === 0) {
          valueIn(await answer(() => store.destroy(one), { secret }));
        }
      },
    });
  });
});
