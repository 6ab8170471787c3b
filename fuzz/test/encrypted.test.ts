import { randomBytes } from 'node:crypto';
import { encryption, KnexSessionStore } from '@kss/core';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { answer, thrown } from '../src/answer.js';
import { type Bystanders, bystanders } from '../src/bystanders.js';
import { text } from '../src/hostile.js';
import { fuzz, share } from '../src/run.js';

const TABLE = 'kss_fuzz_encrypted';
const KEYS = [randomBytes(32), randomBytes(32)];

/** A change of a stored text: where it is cut, and what is put there. */
type Bend = (stored: string, other: string) => string;
const at = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const bend: fc.Arbitrary<Bend> = fc.oneof(
  fc.tuple(at, fc.integer({ min: 1, max: 63 })).map(([where, by]) => (stored: string) => {
    const [start = '', id = '', data = ''] = stored.split('.');
    const bytes = Buffer.from(data, 'base64url');
    const i = Math.floor(where * bytes.length);
    bytes[i] = (bytes[i] ?? 0) ^ (by % 255 || 1);
    return [start, id, bytes.toString('base64url')].join('.');
  }),
  at.map((where) => (stored: string) => stored.slice(0, Math.floor(where * stored.length))),
  at.map((where) => (stored: string) => stored.slice(Math.ceil(where * stored.length) + 1)),
  fc.tuple(at, text).map(([where, put]) => (stored: string) => {
    const i = Math.floor(where * stored.length);
    return stored.slice(0, i) + put + stored.slice(i);
  }),
  fc.constant((_: string, other: string) => other),
  at.map((where) => (stored: string, other: string) => {
    const i = Math.floor(where * stored.length);
    return stored.slice(0, i) + other.slice(i);
  }),
  text.map((put) => () => put),
  fc.constantFrom<Bend>(
    (stored) => stored.toUpperCase(),
    (stored) => `${stored}=`,
    (stored) => ` ${stored}`,
    (stored) => `${stored}\n`,
    (stored) => stored.replace('kss1.', 'kss2.'),
    (stored) => stored.replace('kss1.', ''),
    (stored) => stored + stored,
    () => 'kss1.',
  ),
);

it('an encrypted text that was bent opens no session', async () => {
  const codec = encryption({ keys: KEYS, plain: 'refuse' });
  await fuzz({
    name: 'encrypted texts',
    cases: 250_000,
    arbitrary: fc.tuple(fc.json(), text, bend, fc.boolean()),
    check: ([json, handle, change, older]) => {
      const writer = older ? encryption({ keys: KEYS.slice(1) }) : codec;
      const stored = writer.encode(json, handle);
      expect(codec.decode(stored, handle)).toBe(json);
      const bent = change(stored, codec.encode('{"other":1}', `${handle} of another`));
      const opened = thrown(() => codec.decode(bent, handle), ['DECRYPT_FAILED']);
      // Base64 has texts that differ and mean the same bytes.
      const [, id, data = ''] = stored.split('.');
      const same =
        bent.split('.')[1] === id &&
        Buffer.from(bent.split('.')[2] ?? '', 'base64url').equals(Buffer.from(data, 'base64url'));
      if ('value' in opened) expect([opened.value, same]).toStrictEqual([json, true]);
      expect(thrown(() => codec.decode(stored, `${handle}x`), ['DECRYPT_FAILED'])).toHaveProperty('refused');
    },
  });
});

describeDatabases('encrypted rows of another program', ({ name }, knex) => {
  let store: KnexSessionStore;
  let others: Bystanders;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    const codec = encryption({ keys: KEYS, plain: 'refuse' });
    store = new KnexSessionStore(knex(), {
      tableName: TABLE,
      gcInterval: 0,
      timeout: 60_000,
      codec,
      onError: () => {},
    });
    await store.waitForSync();
    others = await bystanders(knex(), TABLE);
  });
  beforeEach(() => store.set('other', { secret: 'of another' }));
  afterAll(async () => {
    await store.close();
    await others.remove();
    await knex().schema.dropTableIfExists(TABLE);
  });

  const textOf = async (sid: string) => String((await knex()(TABLE).where({ sid }).first('additional'))?.additional);

  it('open no session, and stay as they are', async () => {
    await fuzz({
      name: `encrypted rows on ${name}`,
      cases: share(40_000, name),
      arbitrary: fc.tuple(bend, fc.constantFrom('get', 'cookie', 'revision')),
      oneByOne: true,
      holds: () => others.holds(),
      check: async ([change, way]) => {
        await store.set('mine', { secret: 'of mine' });
        const revision = (await store.load('mine'))?.revision;
        // No database has the first two, and PGlite takes a byte order mark at the beginning for none of the text.
        const additional = change(await textOf('mine'), await textOf('other')).replaceAll(
          /\0|\p{Surrogate}|^\ufeff+/gu,
          '',
        );
        const reached = await knex()(TABLE).where({ sid: 'mine' }).update({ additional, revision: 7 });
        expect(reached).toBe(1);
        const read = await answer(() => store.get('mine'), { allowed: ['DECRYPT_FAILED'] });
        if ('value' in read) {
          expect(read.value).toStrictEqual({ secret: 'of mine' });
          return;
        }
        const call = {
          get: () => store.find('all', { data: true }),
          cookie: () => store.touch('mine', undefined, { path: '/' }),
          revision: () => store.update('mine', { secret: 'again' }, { revision }),
        }[way];
        const ended = await answer<unknown>(call, { allowed: ['DECRYPT_FAILED'] });
        if (way === 'cookie') expect(ended).toStrictEqual({ refused: 'DECRYPT_FAILED' });
        expect(await textOf('mine')).toBe(additional);
      },
    });
  });
});
