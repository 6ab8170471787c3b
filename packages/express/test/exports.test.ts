import * as core from '@kss/core';
import { expect, it } from 'vitest';
import * as door from '../src/index.js';

it('exports what the core does, and its own store', () => {
  expect(Object.keys(door).sort()).toEqual([...Object.keys(core), 'ExpressSessionStore'].sort());
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
