import { isDeepStrictEqual } from 'node:util';
import { KnexSessionStore } from '@kss/core';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answer, valueIn } from '../src/answer.js';
import { type Bystanders, bystanders } from '../src/bystanders.js';
import { anything, type Hostile, made, text, wicked } from '../src/hostile.js';
import { fuzz, share } from '../src/run.js';
import { type Statements, statements } from '../src/statements.js';
import { warmUp } from '../src/warm-up.js';

const TABLE = 'kss_fuzz_sessions';
const LIFE = 600_000;
const SPARE = 25;
const schemas = [
  { name: 'user_id', type: 'string', args: [20] },
  { name: 'n', type: 'integer' },
  { name: 'at', type: 'datetime' },
  { name: 'bin', type: 'binary' },
  { name: 'account', type: 'string', args: [20], from: 'passport.user' },
] as const;

const key = fc.oneof(
  text,
  fc.constantFrom('sid', 'expire_at', 'additional', 'revision', 'user_id', 'n', 'at', 'bin', 'account', 'cookie'),
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toJSON', 'toString', 'then', 'passport', 'id', 'save'),
);
/** Keys of a session with values of their own, each made where it is used. */
const record: fc.Arbitrary<Hostile> = fc
  .array(fc.tuple(key, fc.oneof({ weight: 2, arbitrary: made(fc.jsonValue()) }, { weight: 1, arbitrary: anything })), {
    maxLength: 6,
  })
  .map((entries) => ({
    make() {
      const session = {};
      for (const [name, { make }] of entries) {
        Object.defineProperty(session, name, { value: make(), enumerable: true, configurable: true, writable: true });
      }
      return session;
    },
  }));
const session: fc.Arbitrary<Hostile> = fc.oneof(
  { weight: 5, arbitrary: record },
  { weight: 2, arbitrary: wicked },
  { weight: 2, arbitrary: anything },
  { weight: 2, arbitrary: made(fc.object({ key, maxDepth: 4 })) },
);

/** A session as JSON alone would have it, without the columns and what a read renews; undefined where JSON has none. */
function plain(value: unknown): unknown {
  try {
    const json: unknown = JSON.parse(JSON.stringify(value) ?? 'null');
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
    return Object.fromEntries(Object.entries(json).filter(([name]) => !['at', 'bin', 'cookie'].includes(name)));
  } catch {
    return undefined;
  }
}

describeDatabases('hostile sessions', ({ name }, knex) => {
  let store: KnexSessionStore<typeof schemas>;
  let others: Bystanders;
  let sent: Statements;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), {
      tableName: TABLE,
      gcInterval: 0,
      timeout: 60_000,
      schemas,
      onError: () => {},
    });
    await store.waitForSync();
    others = await bystanders(knex(), TABLE, { user_id: 'other', n: 1, account: 'other' });
    sent = statements(knex());
    await warmUp(store);
    await others.holds();
    sent.close();
  });
  afterAll(async () => {
    sent.stop();
    await store.close();
    await others.remove();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it('are refused, and the stored one stays; or come back as JSON has them', async () => {
    await fuzz({
      name: `sessions on ${name}`,
      cases: share(200_000, name),
      arbitrary: fc.tuple(session, fc.constantFrom('set', 'update', 'revision', 'cookie'), anything),
      holds: async () => {
        sent.holds();
        await others.holds();
      },
      check: async ([{ make }, way, maxAge], at) => {
        const sid = `mine-${at % SPARE}`; // those that run together have a sid each
        const before = { before: at };
        valueIn(await answer(() => store.set(sid, before, LIFE)));
        const value = make() as object;
        const allowed = ['UNSERIALIZABLE', 'COLUMN_VALUE', 'TOO_LARGE'] as const;
        const options = { allowed };
        if (way === 'cookie') {
          const age = at % 2 === 0 ? LIFE : (maxAge.make() as number);
          const touched = await answer(() => store.touch(sid, age, value === undefined ? {} : value), options);
          const read = valueIn(await answer(() => store.get(sid)));
          if ('refused' in touched || at % 2 === 0) expect(read).toMatchObject(before);
          return;
        }
        const revision = way === 'revision' ? (await store.load(sid))?.revision : undefined;
        const saved = await answer<unknown>(
          () => (way === 'set' ? store.set(sid, value, LIFE) : store.update(sid, value, { maxAge: LIFE, revision })),
          options,
        );
        const read = valueIn(await answer(() => store.get(sid)));
        if ('refused' in saved) {
          expect(read).toStrictEqual(before);
          return;
        }
        expect(saved.value).not.toBeNull();
        expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
        const wanted = plain(value);
        // What changes at each look has no right answer but one of a plain session.
        if (wanted === undefined || !isDeepStrictEqual(wanted, plain(make()))) return;
        if (!isDeepStrictEqual(plain(read), wanted)) expect(plain(read)).toStrictEqual(wanted);
      },
    });
  });
});
