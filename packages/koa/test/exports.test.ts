import { expect, it } from 'vitest';
import * as door from '../src/index.js';

it('exports what it promises, and nothing else', () => {
  expect(Object.keys(door).sort()).toEqual([
    'KnexSessionStore',
    'KoaMinimalSessionStore',
    'KoaSessionStore',
    'KssError',
    'isKssError',
  ]);
});

it('the stores have the methods that the middleware call, and sidOf', () => {
  for (const { prototype } of [door.KoaSessionStore, door.KoaMinimalSessionStore]) {
    expect(Object.getOwnPropertyNames(prototype).sort()).toEqual(['constructor', 'destroy', 'get', 'set', 'sidOf']);
  }
});
