import type { KnexSessionStore } from '@kss/core';
import type { Knex } from 'knex';
import type { Held, Ledger } from './ledger.js';
import { sleep } from './mode.js';
import type { Random } from './random.js';

/** What a client of the load can ask for; over a store, or over HTTP. */
export interface Target {
  /** Saves the number, whatever there was. */
  save(sid: string, n: number): Promise<Held>;
  /** Saves it only into a session that lives: null where it is gone. */
  change(sid: string, n: number): Promise<Held>;
  read(sid: string): Promise<Held>;
  touch(sid: string): Promise<boolean>;
  end(sid: string): Promise<null>;
  /** Loads it, has it ended elsewhere, and saves what was loaded, as a slow request does: null where it stays ended. */
  kick(sid: string, n: number): Promise<Held>;
}

/** Clients that go on until they are stopped. */
export interface Load {
  /** Lets each client finish the call that it is in. */
  stop(): Promise<void>;
}

/** What the load is made of. */
export interface LoadOptions {
  readonly ledger: Ledger;
  /** Client number i asks the target number i modulo their count. */
  readonly targets: readonly Target[];
  readonly clients: number;
  readonly random: Random;
  /** Sessions of each client; no two clients share one. */
  readonly sessions?: number;
  /** Milliseconds, at most, between two calls of a client: the machine is shared. */
  readonly pause?: number;
}

/** A store as a target; sessions are kicked through the other one. */
export function storeTarget(store: KnexSessionStore, other: KnexSessionStore = store): Target {
  return {
    async save(sid, n) {
      await store.set(sid, { n, text: 'x'.repeat(200) });
      return n;
    },
    async change(sid, n) {
      const loaded = await store.load(sid);
      if (loaded === null) return null;
      const saved = await store.update(sid, { ...loaded.session, n }, { revision: loaded.revision });
      return saved === null ? null : n;
    },
    async read(sid) {
      const session = await store.get(sid);
      return session === null ? null : Number(session.n);
    },
    touch: (sid) => store.touch(sid),
    async end(sid) {
      await store.destroy(sid);
      return null;
    },
    async kick(sid, n) {
      const loaded = await store.load(sid);
      await other.destroy(sid);
      const late = loaded && (await store.update(sid, { ...loaded.session, n }, { revision: loaded.revision }));
      return late === null ? null : n;
    },
  };
}

/** Starts the clients: half of their calls save, the others read, touch and end sessions. */
export function startLoad(options: LoadOptions): Load {
  let stopped = false;
  const running = Array.from({ length: options.clients }, (_, i) => {
    const target = options.targets[i % options.targets.length];
    if (target === undefined) throw new Error('A load needs a target.');
    return client(target, `client-${i}`, options, options.random.fork(), () => stopped);
  });
  return {
    async stop() {
      stopped = true;
      await Promise.all(running);
    },
  };
}

async function client(
  target: Target,
  name: string,
  { ledger, sessions = 6, pause = 4 }: LoadOptions,
  random: Random,
  isStopped: () => boolean,
): Promise<void> {
  for (let n = 1; !isStopped(); n++) {
    const sid = `${name}-${random.between(1, sessions)}`;
    const chance = random.next();
    let answer: Held | boolean | undefined;
    if (chance < 0.35) answer = await ledger.write(sid, n, () => target.save(sid, n));
    else if (chance < 0.6) answer = await ledger.write(sid, n, () => target.change(sid, n));
    else if (chance < 0.8) answer = await ledger.read(sid, () => target.read(sid));
    else if (chance < 0.9) answer = await ledger.check(sid, () => target.touch(sid));
    else if (chance < 0.95) answer = await ledger.write(sid, null, () => target.end(sid));
    else answer = await ledger.write(sid, null, () => target.kick(sid, n));
    // A refused connection fails at once, and asking again at once would measure nothing but that.
    await sleep(random.next() * (answer === undefined ? 20 * pause : pause));
  }
}

/** What the table holds, read without the store: the number in each live session. */
export async function heldIn(knex: Knex, table: string): Promise<Map<string, number>> {
  const rows = (await knex(table).select('sid', 'additional').where('expire_at', '>', Date.now())) as {
    sid: string;
    additional: string;
  }[];
  return new Map(rows.map(({ sid, additional }) => [sid, Number((JSON.parse(additional) as { n: unknown }).n)]));
}
