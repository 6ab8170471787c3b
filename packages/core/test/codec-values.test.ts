import { describeDatabases } from '@kss/test-kit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Codec, encryption, KnexSessionStore } from '../src/index.js';
import { failure } from './failure.js';

const TABLE = 'kss_codec_values';

/** What a codec's function may give that is no string, made anew for each call. */
const VALUES: readonly (readonly [string, () => unknown])[] = [
  ['a promise', async () => '{}'],
  ['a promise that is rejected', () => Promise.reject(new Error('of the codec'))],
  ['a Buffer', () => Buffer.from('{}')],
  ['an object', () => ({ n: 2 })],
  ['a list', () => [1, 2]],
  ['a number', () => 5],
  ['null', () => null],
  ['nothing', () => undefined],
];

describeDatabases('a codec that gives no string', (_, knex) => {
  const left: unknown[] = [];
  const note = (reason: unknown) => left.push(reason);
  let plain: KnexSessionStore;

  const open = (codec: Partial<Record<keyof Codec, () => unknown>>) =>
    new KnexSessionStore(knex(), {
      tableName: TABLE,
      gcInterval: 0,
      sync: false,
      onError: () => {},
      codec: { encode: (json: string) => json, decode: (stored: string) => stored, ...codec } as Codec,
    });
  const texts = async () => (await knex()(TABLE).select('additional')).map(({ additional }) => String(additional));

  beforeAll(async () => {
    process.on('unhandledRejection', note);
    await knex().schema.dropTableIfExists(TABLE);
    plain = new KnexSessionStore(knex(), { tableName: TABLE, gcInterval: 0 });
    await plain.waitForSync();
  });
  beforeEach(() => plain.set('a', { n: 1 }));
  afterEach(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    expect(left.splice(0)).toStrictEqual([]);
    expect(await texts()).toStrictEqual(['{"n":1}']);
  });
  afterAll(async () => {
    process.removeListener('unhandledRejection', note);
    await plain.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it.each(VALUES)('changes nothing where it is encode: %s', async (_title, encode) => {
    const store = open({ encode });
    await expect(store.set('a', { n: 2 })).rejects.toEqual(failure('UNSERIALIZABLE', 'encode', 'string'));
    await expect(store.update('a', { n: 2 })).rejects.toEqual(failure('UNSERIALIZABLE', 'encode'));
    await expect(store.touch('a', 5, { path: '/' })).rejects.toEqual(failure('UNSERIALIZABLE', 'encode'));
    await store.close();
  });

  it.each(VALUES)('reads no session where it is decode: %s', async (_title, decode) => {
    const store = open({ decode });
    await expect(store.get('a')).rejects.toEqual(failure('DECRYPT_FAILED', 'decode', 'string'));
    await expect(store.touch('a', 5, { path: '/' })).rejects.toEqual(failure('DECRYPT_FAILED', 'decode'));
    const [info] = await store.find('all', { data: true });
    expect(info).not.toHaveProperty('data');
    await store.close();
  });
});

it.each([
  [undefined],
  [null],
  ['key'],
  [
    {
      keys: new Proxy([], {
        get: () => {
          throw new Error('x');
        },
      }),
    },
  ],
])('is none that encryption takes its options from', (options) => {
  expect(() => encryption(options as never)).toThrow(failure('INVALID_OPTION') as Error);
});
