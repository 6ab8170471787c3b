import { expect, it } from 'vitest';
import * as door from '../src/index.js';

it('exports what it promises, and nothing else', () => {
  expect(Object.keys(door).sort()).toEqual(['FastifySessionStore', 'KnexSessionStore', 'KssError', 'isKssError']);
});

it('the store has the three methods of the contract, and no others', () => {
  const { prototype } = door.FastifySessionStore;
  expect(Object.getOwnPropertyNames(prototype).sort()).toEqual(['constructor', 'destroy', 'get', 'set']);
});
