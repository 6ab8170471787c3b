import { randomBytes } from 'node:crypto';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Codec, encryption, KnexSessionStore, type StoreOptions } from '../src/index.js';
import { handleOf } from '../src/sid.js';
import { failure } from './failure.js';

const [OLD, NEW] = [randomBytes(32), randomBytes(32)];

describe('encryption', () => {
  it('gives back what it was given, under any handle, and never writes the same text twice', () => {
    const codec = encryption({ keys: [OLD] });
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (text, sid) => {
        const handle = handleOf(`x${sid}`);
        const stored = codec.encode(text, handle);
        expect(codec.decode(stored, handle)).toBe(text);
        expect(codec.encode(text, handle)).not.toBe(stored);
      }),
    );
  });

  it('opens under no other handle, with no other key, and not when a character was changed', () => {
    const codec = encryption({ keys: [OLD] });
    const stored = codec.encode('{"a":1}', 'mine');
    expect(() => codec.decode(stored, 'other')).toThrow(
      failure('DECRYPT_FAILED', 'other', 'of another session') as Error,
    );
    expect(() => encryption({ keys: [NEW] }).decode(stored, 'mine')).toThrow(
      failure('DECRYPT_FAILED', 'none of the keys') as Error,
    );
    for (let at = stored.lastIndexOf('.') + 1; at < stored.length; at++) {
      const other = stored[at] === 'A' ? 'B' : 'A';
      const bent = stored.slice(0, at) + other + stored.slice(at + 1);
      // The last character of base64 has bits that count for nothing.
      if (
        Buffer.from(bent.split('.')[2] ?? '', 'base64url').equals(Buffer.from(stored.split('.')[2] ?? '', 'base64url'))
      )
        continue;
      expect(() => codec.decode(bent, 'mine')).toThrow(failure('DECRYPT_FAILED') as Error);
    }
  });

  it.each(['', '{', 'kss1.', 'kss1.AAAAAAAA.', 'kss1.AAAAAAAA.AAAA', 'null', '[1]', 'kss2.x.y'])(
    'reads nothing out of %j',
    (stored) => {
      expect(() => encryption({ keys: [OLD], plain: 'refuse' }).decode(stored, 'mine')).toThrow(
        failure('DECRYPT_FAILED') as Error,
      );
    },
  );

  it('takes keys as bytes, hexadecimal and base64, and refuses what is no key', () => {
    const text = encryption({ keys: [OLD] }).encode('{}', 'h');
    for (const key of [OLD.toString('hex'), OLD.toString('base64'), OLD.toString('base64url'), new Uint8Array(OLD)]) {
      expect(encryption({ keys: [key] }).decode(text, 'h')).toBe('{}');
    }
    for (const keys of [[], ['secret'], [Buffer.alloc(16)], [7], undefined, 'x'.repeat(64)]) {
      expect(() => encryption({ keys } as never)).toThrow(failure('INVALID_OPTION', 'encryption: keys') as Error);
    }
    expect(() => encryption({ keys: [OLD], plain: true } as never)).toThrow(
      failure('INVALID_OPTION', 'plain') as Error,
    );
  });
});

const TABLE = 'kss_test_encryption';

describeDatabases('a store of encrypted sessions', (_, knex) => {
  const stores: { close(): Promise<void> }[] = [];
  const reported: unknown[] = [];
  const clean = async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await knex().schema.dropTableIfExists(TABLE);
    reported.length = 0;
  };
  beforeAll(clean);
  afterEach(clean);

  const open = (codec: Codec | undefined, options: Omit<StoreOptions, 'schemas' | 'codec'> = {}) => {
    const store = new KnexSessionStore(knex(), {
      tableName: TABLE,
      gcInterval: 0,
      schemas: [{ name: 'user_id', type: 'string' }],
      onError: (error) => reported.push(error),
      ...(codec && { codec }),
      ...options,
    });
    stores.push(store);
    return store;
  };
  const texts = async () => (await knex()(TABLE).select('additional')).map(({ additional }) => String(additional));

  it('keeps no word of them in the table, and finds them by their columns', async () => {
    const store = open(encryption({ keys: [NEW] }));
    await Promise.all(['a', 'b', 'c'].map((sid) => store.set(sid, { user_id: 'ada', secret: 'word' })));
    for (const text of await texts()) expect(text).toMatch(/^kss1\.[\w-]{8}\.[\w-]+$/);
    expect(await store.get('a')).toStrictEqual({ user_id: 'ada', secret: 'word' });
    const [info] = await store.find({ user_id: 'ada' }, { data: true });
    expect(info?.data).toStrictEqual({ user_id: 'ada', secret: 'word' });
    expect(await store.touch('b', 1000, { path: '/x' })).toBe(true);
    expect(await store.get('b')).toStrictEqual({ user_id: 'ada', secret: 'word', cookie: { path: '/x' } });
  });

  it('merges what two requests changed', async () => {
    const store = open(encryption({ keys: [NEW] }));
    await store.set('a', { x: 1, y: 1 });
    const [one, other] = [await store.load('a'), await store.load('a')];
    if (one === null || other === null) throw new Error('It was not there.');
    await store.update('a', { x: 2, y: 1 }, { revision: one.revision });
    await store.update('a', { x: 1, y: 2 }, { revision: other.revision });
    expect(await store.get('a')).toStrictEqual({ x: 2, y: 2 });
  });

  it('rotates its keys and logs nobody out, and reads what was stored before', async () => {
    await open(undefined).set('plain', { n: 0 });
    await open(encryption({ keys: [OLD] })).set('old', { n: 1 });
    const store = open(encryption({ keys: [NEW, OLD] }));
    expect([await store.get('plain'), await store.get('old')]).toStrictEqual([{ n: 0 }, { n: 1 }]);
    for (const [n, sid] of ['plain', 'old'].entries()) await store.set(sid, { n });
    const rotated = open(encryption({ keys: [NEW], plain: 'refuse' }));
    expect([await rotated.get('plain'), await rotated.get('old')]).toStrictEqual([{ n: 0 }, { n: 1 }]);
  });

  it('rejects what no key opens, and leaves the row as it is', async () => {
    await open(encryption({ keys: [OLD] })).set('a', { n: 1 });
    const [before] = await texts();
    const store = open(encryption({ keys: [NEW] }));
    await expect(store.get('a')).rejects.toEqual(failure('DECRYPT_FAILED', handleOf('a')));
    await expect(store.load('a')).rejects.toEqual(failure('DECRYPT_FAILED'));
    await expect(store.touch('a', 1000, { path: '/' })).rejects.toEqual(failure('DECRYPT_FAILED'));
    expect(reported.length).toBeGreaterThan(0);
    expect(await texts()).toStrictEqual([before]);
  });

  it('does not open a text that was copied into another row', async () => {
    const store = open(encryption({ keys: [NEW] }));
    await store.set('admin', { admin: true });
    await store.set('guest', { admin: false });
    const { additional } = await knex()(TABLE).where('sid', 'admin').first('additional');
    await knex()(TABLE).where('sid', 'guest').update({ additional });
    await expect(store.get('guest')).rejects.toEqual(failure('DECRYPT_FAILED'));
  });

  it('opens after the keys of the table became digests', async () => {
    const codec = encryption({ keys: [NEW] });
    await open(codec).set('a', { n: 1 });
    expect(await open(codec, { hashSid: true }).get('a')).toStrictEqual({ n: 1 });
  });

  it('refuses a session that is too large by the size of its JSON, with the keys that make it so', async () => {
    const store = open(encryption({ keys: [NEW] }), { maxSessionBytes: 1000 });
    await store.set('a', { n: 1 });
    const large = { n: 2, small: 'x', big: '€'.repeat(400) };
    await expect(store.set('a', large)).rejects.toEqual(failure('TOO_LARGE', '12', "'big'"));
    await expect(store.update('a', large)).rejects.toEqual(failure('TOO_LARGE'));
    expect(await store.get('a')).toStrictEqual({ n: 1 });
    await store.set('a', { big: 'x'.repeat(989) }); // with its key and quotes just 1,000
    expect(await store.get('a')).toStrictEqual({ big: 'x'.repeat(989) });
  });
});
