import { expect, it } from 'vitest';
import * as door from '../src/index.js';

it('exports what it promises, and nothing else', () => {
  expect(Object.keys(door).sort()).toEqual(['ExpressSessionStore', 'KnexSessionStore', 'KssError', 'isKssError']);
});

it('the store has the methods of the contract, and no others of its own', () => {
  expect(Object.getOwnPropertyNames(door.ExpressSessionStore.prototype).sort()).toEqual([
    'all',
    'clear',
    'constructor',
    'createSession',
    'destroy',
    'get',
    'length',
    'set',
    'touch',
  ]);
});
