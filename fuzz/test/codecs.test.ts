import { type Codec, isKssError, KnexSessionStore } from '@kss/core';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answer } from '../src/answer.js';
import { type Bystanders, bystanders } from '../src/bystanders.js';
import { anything, type Hostile, made, text } from '../src/hostile.js';
import { fuzz, share } from '../src/run.js';

const TABLE = 'kss_fuzz_codecs';

const thrower = new Error('of the codec');
const given: fc.Arbitrary<Hostile> = fc.oneof(
  anything,
  made(text),
  fc
    .constantFrom<() => unknown>(
      () => {
        throw thrower;
      },
      () => Promise.reject(thrower),
      async () => '{}',
      () => '{"a":1}',
      () => '[]',
      () => '',
    )
    .map((make) => ({ make })),
);

describeDatabases('hostile codecs', ({ name }, knex) => {
  let plain: KnexSessionStore;
  let store: KnexSessionStore;
  let others: Bystanders;
  const codec: { -readonly [K in keyof Codec]: () => unknown } = { encode: () => '{}', decode: () => '{}' };

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    const options = { tableName: TABLE, gcInterval: 0, timeout: 60_000, onError: () => {} };
    plain = new KnexSessionStore(knex(), options);
    await plain.waitForSync();
    const called = { encode: () => codec.encode(), decode: () => codec.decode() } as Codec;
    store = new KnexSessionStore(knex(), { ...options, codec: called });
    await store.waitForSync();
    others = await bystanders(knex(), TABLE);
  });
  afterAll(async () => {
    await store.close();
    await plain.close();
    await others.remove();
    await knex().schema.dropTableIfExists(TABLE);
  });

  /** What the codec itself throws is the app's own, and comes out as it is. */
  const outcome = async (call: () => Promise<unknown>) => {
    try {
      return await answer(call, {
        allowed: ['UNSERIALIZABLE', 'DECRYPT_FAILED', 'UNREADABLE_ROW', 'DATABASE', 'COLUMN_VALUE'],
      });
    } catch (error) {
      if (error instanceof Error && error.message.includes(thrower.message) && !isKssError(error))
        return { refused: 'thrown' };
      throw error;
    }
  };
  const textOf = async () => String((await knex()(TABLE).where({ sid: 'mine' }).first('additional'))?.additional);

  it('change nothing, or store the text that they give', async () => {
    await fuzz({
      name: `codecs on ${name}`,
      cases: share(30_000, name),
      arbitrary: fc.tuple(fc.constantFrom('encode', 'decode'), given, fc.constantFrom('set', 'update', 'cookie')),
      oneByOne: true,
      holds: () => others.holds(),
      check: async ([which, { make }, way]) => {
        await plain.set('mine', { n: 1 });
        codec.encode = which === 'encode' ? make : () => '{"n":2}';
        codec.decode = which === 'decode' ? make : () => '{"n":1}';
        const calls = {
          set: () => store.set('mine', { n: 2 }),
          update: () => store.update('mine', { n: 2 }),
          cookie: () => store.touch('mine', undefined, {}),
        };
        const read = await outcome(() => store.get('mine'));
        const ended = await outcome(calls[way]);
        const stored = await textOf();
        if ('refused' in ended) expect(stored).toBe('{"n":1}');
        else if (which === 'encode') {
          // Databases have no lone surrogate, and each its own sign for one.
          const text = String(make());
          if (!/\p{Surrogate}/u.test(text)) expect(stored).toBe(text);
        } else expect(stored).toBe('{"n":2}');
        if (which === 'decode' && 'value' in read && read.value !== null) expect(typeof make()).toBe('string');
      },
    });
  });
});
