import * as core from '@kss/core';
import { expect, it } from 'vitest';
import * as door from '../src/index.js';

it('exports what the core does, and its own stores', () => {
  expect(Object.keys(door).sort()).toEqual([...Object.keys(core), 'KoaMinimalSessionStore', 'KoaSessionStore'].sort());
});

it('the stores have the methods that the middleware call, and sidOf', () => {
  for (const { prototype } of [door.KoaSessionStore, door.KoaMinimalSessionStore]) {
    expect(Object.getOwnPropertyNames(prototype).sort()).toEqual(['constructor', 'destroy', 'get', 'set', 'sidOf']);
  }
});
