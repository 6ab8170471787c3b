import * as takeover from '@kss/core/takeover';
import { KnexSessionStore } from '@kss/express';
import type { Knex } from 'knex';

/** Runs the call that an inspection wrote, as the module of an app that imports what is named there. */
export function storeOf(call: string, knex: Knex): KnexSessionStore {
  const door = Object.entries(takeover);
  const run = new Function('KnexSessionStore', 'knex', ...door.map(([name]) => name), `return ${call}`);
  return run(KnexSessionStore, knex, ...door.map(([, value]) => value)) as KnexSessionStore;
}
