import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isKssError } from '../src/errors.js';
import { handleOf, handleOfKey, keyOf } from '../src/sid.js';

const WIDTH = 255;
const digest = (text: string) => createHash('sha256').update(text, 'utf8').digest('base64url');

const plainSid = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((c) => String.fromCharCode(c)),
  minLength: 1,
});
const anySid = fc.oneof(
  plainSid,
  fc.string({ unit: 'binary', minLength: 1 }),
  fc.string({ unit: 'binary-ascii', minLength: 1 }),
  plainSid.map((sid) => `sha256.${sid}`),
  plainSid.map((sid) => `sha256.${digest(sid)}`),
  fc.integer({ min: 250, max: 8000 }).map((length) => 'x'.repeat(length)),
);

describe('the key of a sid', () => {
  it.each([
    'Zb3oKlKZ-b1_yW0h',
    'koa:sess:Zb3oKlKZ',
    '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~',
    "';drop/**/table/**/sessions;--",
    'sha256',
    'SHA256.x',
    'x',
    'x'.repeat(WIDTH),
  ])('is the sid itself for %s', (sid) => {
    expect(keyOf(sid, WIDTH)).toBe(sid);
  });

  it.each([
    ['a space', 'a b'],
    ['a trailing space', 'a '],
    ['a tab', 'a\tb'],
    ['a newline', 'a\n'],
    ['NUL', 'a\0b'],
    ['DEL', 'a\x7f'],
    ['a letter beyond ASCII', 'ą'],
    ['an emoji', '🍪'],
    ['the digest prefix', 'sha256.'],
    ['the look of a digest', `sha256.${digest('x')}`],
    ['one character more than the column holds', 'x'.repeat(WIDTH + 1)],
    ['8,000 characters', 'x'.repeat(8000)],
  ])('is a digest for a sid with %s', (_, sid) => {
    expect(keyOf(sid, WIDTH)).toBe(`sha256.${digest(sid)}`);
  });

  it('fits the column and is printable ASCII, whatever the sid', () => {
    fc.assert(
      fc.property(anySid, (sid) => {
        expect(keyOf(sid, WIDTH)).toMatch(/^[\x21-\x7e]{1,255}$/);
      }),
    );
  });

  it('is shared by no two sids', () => {
    const pair = fc.oneof(
      fc.tuple(anySid, anySid),
      anySid.map((sid) => [sid, keyOf(sid, WIDTH)] as const),
      anySid.map((sid) => [sid, `${sid} `] as const),
      plainSid.map((sid) => [sid, sid.toUpperCase()] as const),
      plainSid.map((sid) => [`${sid}\u00e9`, `${sid}e\u0301`] as const),
    );
    fc.assert(
      fc.property(pair, ([a, b]) => {
        fc.pre(a !== b);
        expect(keyOf(a, WIDTH)).not.toBe(keyOf(b, WIDTH));
      }),
    );
  });

  it('opens nothing when it is presented as a sid, if it is a digest', () => {
    fc.assert(
      fc.property(anySid, (sid) => {
        const key = keyOf(sid, WIDTH);
        if (key.startsWith('sha256.')) expect(keyOf(key, WIDTH)).not.toBe(key);
      }),
    );
  });

  it('keeps to the width of a narrower column', () => {
    expect(keyOf('x'.repeat(64), 64)).toBe('x'.repeat(64));
    expect(keyOf('x'.repeat(65), 64)).toBe(`sha256.${digest('x'.repeat(65))}`);
  });
});

describe('the handle of a session', () => {
  it('is the base64url SHA-256 of the sid', () => {
    expect(handleOf('Zb3oKlKZ')).toBe(digest('Zb3oKlKZ'));
    expect(handleOf('a b 🍪')).toBe(digest('a b 🍪'));
  });

  it('is the same from the key as from the sid', () => {
    fc.assert(
      fc.property(anySid, (sid) => {
        expect(handleOfKey(keyOf(sid, WIDTH))).toBe(handleOf(sid));
      }),
    );
  });

  it('never shows the sid', () => {
    fc.assert(
      fc.property(anySid, (sid) => {
        expect(handleOf(sid)).toMatch(/^[\w-]{43}$/);
        expect(handleOf(sid)).not.toBe(sid);
      }),
    );
  });
});

describe('what is no sid', () => {
  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['a boolean', true],
    ['a BigInt', 5n],
    ['a symbol', Symbol('sid')],
    ['a function', () => 'sid'],
    ['an object', { sid: 'a' }],
    ['an object that reads as a string', { toString: () => 'sid' }],
    ['a String object', new String('sid')],
    ['an array', ['a']],
    ['an empty array', []],
    ['the empty string', ''],
    ['a lone high surrogate', 'a\ud800'],
    ['a lone low surrogate', '\udc00a'],
    ['surrogates in the wrong order', '\udc00\ud800'],
  ])('%s is refused as INVALID_SID', (_, sid) => {
    for (const refuse of [() => keyOf(sid, WIDTH), () => handleOf(sid)]) {
      expect(refuse).toThrow(expect.objectContaining({ name: 'KssError', code: 'INVALID_SID' }));
    }
  });

  it('is refused without showing it', () => {
    try {
      keyOf('top-secret\ud800', WIDTH);
      expect.unreachable();
    } catch (error) {
      expect(isKssError(error, 'INVALID_SID') && error.message).not.toContain('top-secret');
    }
  });
});
