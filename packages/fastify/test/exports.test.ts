import * as core from '@kss/core';
import { expect, it } from 'vitest';
import * as door from '../src/index.js';

it('exports what the core does, and its own store', () => {
  expect(Object.keys(door).sort()).toEqual([...Object.keys(core), 'FastifySessionStore'].sort());
});

it('the store has the three methods of the contract, and no others', () => {
  const { prototype } = door.FastifySessionStore;
  expect(Object.getOwnPropertyNames(prototype).sort()).toEqual(['constructor', 'destroy', 'get', 'set']);
});
