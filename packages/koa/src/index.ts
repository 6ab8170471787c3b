export * from '@kss/core';
export { KoaMinimalSessionStore, type KoaMinimalStoreOptions } from './minimal.js';
export { KoaSessionStore, type KoaStoreOptions } from './store.js';
