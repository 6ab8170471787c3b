import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { handleOf, keyOf } from '../src/sid.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_odd_sids';

/** Sids that a careless column, driver or comparison takes for one another. */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  case: ['abc', 'ABC', 'Abc', 'abC'],
  'spaces around': ['abc', 'abc ', ' abc', 'abc  ', 'abc\t', 'abc\n', 'abc\r\n', '\u00a0abc', 'abc\u3000', 'ab c'],
  accents: ['abc', 'abć', 'ábc', 'äbc', 'a\u0308bc', 'ａｂｃ', 'аbс'], // the last with Cyrillic letters
  'NUL at and after the end': ['abc', 'abc\0', 'abc\0d', 'abc\0\0', '\0abc', '\0'],
  'emoji and what is beside them': [
    '🍪',
    '🍩',
    '🍪\ufe0f',
    '👩‍👩‍👧',
    '👩👩👧',
    '\u{10ffff}',
    '\ufffd',
    '?',
    '??',
    '????',
  ],
  'letters that fold into others': [
    'straße',
    'strasse',
    'STRASSE',
    'ı',
    'i',
    'I',
    'İ',
    'ﬁ',
    'fi',
    'ſ',
    's',
    'k',
    'K',
    '\u212a',
  ],
  length: ['x'.repeat(254), 'x'.repeat(255), 'x'.repeat(256), `${'x'.repeat(255)}y`, 'x'.repeat(8000)],
  'length in characters and in bytes': ['ż'.repeat(127), 'ż'.repeat(128), '🍪'.repeat(255), '🍪'.repeat(256)],
  'the prefix of digests': [
    'sha256.',
    'sha256.x',
    'SHA256.x',
    'sha256',
    keyOf('abc ', 255),
    keyOf(keyOf('abc ', 255), 255),
    'abc ',
  ],
  'what SQL means something by': [
    "'",
    "''",
    '"',
    '`',
    '\\',
    '\\\\',
    "\\'",
    '%',
    '_',
    '?',
    '$1',
    ':sid',
    '--',
    '/*',
    ';',
    '[',
    ']',
  ],
  'numbers that are equal': ['1', '01', '1.0', '1e0', '+1', '0x1', '-0', '0', '00', 'NaN', 'null', 'true'],
};

describeDatabases('sids that look alike', (_, knex) => {
  const schemas = [{ name: 'user_id', type: 'string', args: [20], index: true }] as const;
  let store: KnexSessionStore<typeof schemas>;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), { tableName: TABLE, schemas, gcInterval: 0 });
    await store.waitForSync();
  });
  beforeEach(async () => {
    await store.clear();
  });
  afterAll(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it.each(Object.entries(FAMILIES))('are each a session of its own: %s', async (_family, sids) => {
    const owned = (n: number) => ({ user_id: 'ada', n });
    const live = async () => {
      const sessions = await Promise.all(sids.map((sid) => store.get(sid)));
      return sessions.flatMap((session) => (session === null ? [] : [session.n]));
    };
    const numbers = sids.map((_sid, n) => n);

    await Promise.all(sids.map((sid, n) => store.set(sid, owned(n))));
    expect(await live()).toEqual(numbers);
    await Promise.all(sids.map((sid, n) => store.update(sid, owned(n + 100))));
    expect(await live()).toEqual(numbers.map((n) => n + 100));

    for (const [n, sid] of sids.entries()) {
      const found = await store.find({ user_id: 'ada' }, { current: sid, data: true });
      expect(found).toHaveLength(sids.length);
      expect(found.filter(({ current }) => current).map(({ handle, data }) => [handle, data?.n])).toEqual([
        [handleOf(sid), n + 100],
      ]);
    }

    const [first = '', second = '', ...rest] = sids;
    expect(await store.touch(first, 60_000)).toBe(true);
    await store.destroy(first);
    expect(await live()).toEqual(numbers.slice(1).map((n) => n + 100));
    expect(await store.touch(first, 60_000)).toBe(false);
    expect(await store.update(first, owned(0))).toBeNull();
    expect(await store.destroyWhere({ user_id: 'ada' }, { handle: handleOf(second) })).toBe(1);
    expect(await live()).toEqual(numbers.slice(2).map((n) => n + 100));
    const [spared = second] = rest;
    await store.destroyWhere({ user_id: 'ada' }, { except: spared });
    expect(await live()).toEqual(rest.length === 0 ? [] : [102]);
  });

  it('are none where they are no well-formed text, to criteria neither', async () => {
    await store.set('abc', { user_id: 'ada' });
    for (const ill of ['abc\ud800', '\udc00abc', '\ud83c', '\udf6a\ud83c']) {
      await expect(store.get(ill)).rejects.toEqual(failure('INVALID_SID'));
      await expect(store.set(ill, {})).rejects.toEqual(failure('INVALID_SID'));
      await expect(store.find({ user_id: 'ada' }, { current: ill })).rejects.toEqual(failure('INVALID_SID'));
      await expect(store.destroyWhere({ user_id: 'ada' }, { except: ill })).rejects.toEqual(failure('INVALID_SID'));
      expect(await store.destroyWhere({ user_id: 'ada' }, { handle: ill })).toBe(0);
    }
    expect(await store.count('all')).toBe(1);
  });
});
