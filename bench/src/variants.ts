import type { KnexSessionStore, Revision, SchemaField, StoreOptions } from '@kss/core';
import type { Database } from './databases.js';
import { openFloor } from './floors.js';
import { type Calls, callsOf } from './peer.js';
import { openCore, ours } from './peers/ours.js';
import { type AppSession, LIFETIME } from './sessions.js';

/** A way to run ours, or what it is compared with. */
export interface Variant {
  readonly name: string;
  open(database: Database, table: string): Promise<{ calls: Calls; close(): Promise<void> }>;
}

/** The core with its defaults, as the ratios of `self` refer to it. */
export const DEFAULT = 'core';

const COLUMNS: readonly SchemaField[] = [
  { name: 'user_id', type: 'string', args: [100], index: true },
  { name: 'name', type: 'string', args: [255] },
  { name: 'locale', type: 'string', args: [10] },
];

/** What is compared. An option that the core does not know yet is skipped aloud. */
export const VARIANTS: readonly Variant[] = [
  core(DEFAULT),
  {
    name: 'adapter for Express',
    async open(database, table) {
      const { store, close } = await ours.open(database, table);
      return { calls: callsOf(store), close };
    },
  },
  core('batch: false', { batch: false }),
  core('prepare: false', { batch: { prepare: false } }),
  updates('update, merge', { onConflict: 'merge' }),
  updates('update, overwrite', { onConflict: 'overwrite' }),
  updates('update, reject', { onConflict: 'reject' }),
  core('1 schema column', { schemas: COLUMNS.slice(0, 1) }),
  core('3 schema columns', { schemas: COLUMNS }),
  {
    name: 'bare driver',
    async open(database, table) {
      const { calls, close } = await openFloor(database, table);
      return { calls: { ...calls, hydrate }, close };
    },
  },
];

/** A session stays as it is: there is no framework around. */
function hydrate(_sid: string, session: AppSession): ReturnType<Calls['hydrate']> {
  return session as ReturnType<Calls['hydrate']>;
}

function core(name: string, options: Readonly<Record<string, unknown>> = {}): Variant {
  return variant(name, options, (store) => ({ set: async (sid, session) => void (await store.set(sid, session)) }));
}

/** Saves as the adapters do: what was read or saved before is updated, by the revision that came with it. */
function updates(name: string, options: Readonly<Record<string, unknown>>): Variant {
  return variant(name, options, (store) => {
    const revisions = new Map<string, Revision>();
    const noted = (sid: string, revision: Revision | null | undefined) => {
      if (revision) revisions.set(sid, revision);
    };
    return {
      async get(sid) {
        const loaded = await store.load(sid);
        noted(sid, loaded?.revision);
        return (loaded?.session ?? null) as AppSession | null;
      },
      async set(sid, session) {
        const revision = revisions.get(sid);
        noted(sid, await (revision ? store.update(sid, session, { revision }) : store.set(sid, session)));
      },
    };
  });
}

function variant(
  name: string,
  options: Readonly<Record<string, unknown>>,
  callsOn: (store: KnexSessionStore) => Partial<Calls> & Pick<Calls, 'set'>,
): Variant {
  return {
    name,
    async open(database, table) {
      const { core: store, close } = await openCore(database, table, options as StoreOptions);
      const calls: Calls = {
        get: (sid) => store.get(sid) as Promise<AppSession | null>,
        touch: async (sid) => void (await store.touch(sid, LIFETIME)),
        hydrate,
        ...callsOn(store),
      };
      return { calls, close };
    },
  };
}
