import { expect, it } from 'vitest';
import { withUsableCookie } from '../src/adapter.js';

const USABLE = [
  { originalMaxAge: null, expires: null },
  {
    originalMaxAge: 1000,
    expires: '2031-01-01T00:00:00.000Z',
    secure: true,
    httpOnly: true,
    path: '/',
    sameSite: 'lax',
  },
  {
    originalMaxAge: null,
    expires: false,
    domain: '.example.com',
    sameSite: 'None',
    priority: 'high',
    partitioned: false,
  },
  { maxAge: 5, originalExpires: '2031-01-01T00:00:00.000Z', secure: 'auto', sameSite: true, path: '/a-b~c' },
];

it.each(USABLE)('a cookie as frameworks write it stays as it is: %j', (cookie) => {
  expect(withUsableCookie({ n: 1, cookie: { ...cookie } })).toStrictEqual({ n: 1, cookie });
});

it.each<[string, unknown[]]>([
  ['originalMaxAge', ['5', true, {}, [], 1e300, -1e300]],
  ['maxAge', ['x', {}]],
  ['expires', ['never', '', 5, {}, true, '+999999-01-01T00:00:00.000Z']],
  ['originalExpires', ['never', 5]],
  ['path', ['/;x', '\r\nX: y', '/ü', 5, {}]],
  ['domain', ['a b', '\r\n', 'ü.example', 5, {}, ['example.com'], '-a', '']],
  ['sameSite', ['sometimes', {}, 5]],
  ['priority', ['higher', {}]],
  ['secure', ['yes', 1, {}]],
  ['httpOnly', ['x', 0]],
  ['partitioned', ['x', 0]],
  ['serialize', [5]],
  ['toJSON', [5]],
  ['__proto__', [{ data: 5 }]],
])('an attribute that would throw in a framework is left out: %s', (name, values) => {
  for (const value of values) {
    const cookie = Object.defineProperty({ path: '/x' }, name, { value, enumerable: true, configurable: true });
    const left = name === 'path' ? {} : { path: '/x' };
    expect(withUsableCookie({ cookie })).toStrictEqual({ cookie: left });
  }
});

it.each([null, 5, 'x', true, []])('what is no cookie at all is left out: %j', (cookie) => {
  expect(withUsableCookie({ n: 1, cookie })).toStrictEqual({ n: 1 });
});

it('leaves out a key that a framework would assign as the prototype', () => {
  const session = JSON.parse('{"__proto__":{"admin":true},"constructor":1}') as Record<string, unknown>;
  expect(withUsableCookie(session)).toStrictEqual(JSON.parse('{"constructor":1}'));
});
