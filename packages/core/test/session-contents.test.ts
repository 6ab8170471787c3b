import { deepStrictEqual } from 'node:assert/strict';
import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_test_session_contents';
const SID = 'one';

/** Sessions as JSON text: what an object literal could not say, such as an own key `__proto__`, is said there. */
const CONTENTS: Readonly<Record<string, string>> = {
  'emoji and letters of every plane': '{"🍪":"👩‍👩‍👧 zażółć ｂｏｂ 𝕏 \u{10ffff}","e\u0301":"\u00e9"}',
  'lone surrogates': String.raw`{"high":"a\ud800","low":"\udc00b","wrong order":"\udc00\ud800","\ud800":"a key"}`,
  'NUL and other control characters': String.raw`{"\u0000":"a\u0000b","":"\u0000\u0001\b\t\n\u000b\f\r\u001b\u001f\u007f\u0085\u2028\u2029"}`,
  'quotes, backslashes and placeholders': String.raw`{"'":"''","\"":"\\","\\'":"\\\\'; drop table x; --","?":"??","$1":":a","%":"_"}`,
  'whole numbers beyond 2^53': '{"n":[9007199254740991,9007199254740992,9007199254740994,18446744073709551616,1e21]}',
  'numbers at the ends of a double':
    '{"n":[5e-324,2.2250738585072014e-308,1e308,1.7976931348623157e308,-1e308,0.1,1e-7]}',
  'keys of prototypes':
    '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"toString":1,"toJSON":2,"then":3}',
  'an empty key, and empty things': '{"":"","a":{},"b":[],"c":[[],{}],"d":[null]}',
  'keys that sort themselves': '{"2":"b","1":"a","-1":"c","1.5":"d","10":"e"}',
  'keys named like columns of the table':
    '{"sid":"a","expire_at":1,"revision":2,"additional":"{}","created_at":3,"SID":4}',
  'JSON in a string in JSON': JSON.stringify({ text: JSON.stringify({ text: JSON.stringify({ text: '"\\"' }) }) }),
  'a depth of 500': `{"deep":${'['.repeat(499)}${']'.repeat(499)}}`,
  'a thousand keys': JSON.stringify(Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`key ${n}`, n]))),
  nothing: '{}',
};

describeDatabases('what a session holds in its JSON', (_, knex) => {
  const schemas = [{ name: 'user_id', type: 'string', args: [20] }] as const;
  let store: KnexSessionStore<typeof schemas>;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), { tableName: TABLE, schemas, gcInterval: 0 });
    await store.waitForSync();
  });
  afterAll(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it.each(Object.entries(CONTENTS))('comes back with every verb as JSON has it: %s', async (_title, text) => {
    const session: Record<string, unknown> = { ...JSON.parse(text), user_id: 'ada' };
    const written = JSON.stringify(session);
    const read = async () => JSON.stringify(await store.get(SID));

    await store.set(SID, session);
    expect(await read()).toBe(written);
    const [listed] = await store.find('all', { data: true });
    expect(JSON.stringify(listed?.data)).toBe(written);

    const loaded = await store.load(SID);
    expect(loaded?.session.admin).toBeUndefined(); // no prototype was set
    expect(await store.update(SID, loaded?.session ?? {}, { revision: loaded?.revision })).not.toBeNull();
    expect(await read()).toBe(written);

    expect(await store.touch(SID, 60_000, { path: '/' })).toBe(true);
    deepStrictEqual(await store.get(SID), { ...session, cookie: { path: '/' } });
    await store.destroy(SID);
    expect(await store.get(SID)).toBeNull();
  });

  it('has numbers as JSON has them: no negative zero, and null for what is none', async () => {
    await store.set(SID, { zero: -0, list: [-0], not: Number.NaN, more: Number.POSITIVE_INFINITY });
    expect(await store.get(SID)).toStrictEqual({ zero: 0, list: [0], not: null, more: null });
  });
});
