import type { KnexSessionStore } from '@kss/core';
import { describe, expect, it } from 'vitest';
import { type Galera, openNode, type SyncWait } from '../src/galera.js';
import { amount, SHORT, sleep } from '../src/mode.js';
import { withStores } from '../src/with-stores.js';

const ROUNDS = amount(100, 1000);

/** What a request sees of the one before it, where the two reach the database through different nodes. */
export function readsThroughOtherNodes(galera: () => Galera): void {
  const onEachNode = <T>(syncWait: SyncWait, use: (stores: readonly KnexSessionStore[]) => Promise<T>) =>
    withStores(
      galera().ports.map((port) => openNode(port, syncWait)),
      { tableName: 'galera_reads' },
      use,
    );

  describe('wsrep_sync_wait', () => {
    it('3: what one node acknowledged, every other has, for reads, saves, touches and logouts', async () => {
      const counts = await onEachNode(3, seenThroughOthers);
      console.log('wsrep_sync_wait = 3:', JSON.stringify(counts));
      expect(counts).toEqual({ rounds: ROUNDS, unread: 0, unsaved: 0, untouched: 0, stillIn: 0, revived: 0 });
    });

    // A matter of moments: a few browsers may have luck.
    it.skipIf(SHORT)('0: a login may be missed, and a logout may miss its session, which then lives on', async () => {
      const counts = await onEachNode(0, (stores) => until(stores, ({ unread, stillIn }) => unread > 0 && stillIn > 0));
      console.log('wsrep_sync_wait = 0:', JSON.stringify(counts));
      expect(counts.unread).toBeGreaterThan(0);
      expect(counts.stillIn).toBeGreaterThan(0);
    });

    it.skipIf(SHORT)('1: reads wait, and a logout may still miss its session', async () => {
      const counts = await onEachNode(1, (stores) => until(stores, ({ stillIn }) => stillIn > 0));
      console.log('wsrep_sync_wait = 1:', JSON.stringify(counts));
      expect(counts.unread).toBe(0);
      expect(counts.stillIn).toBeGreaterThan(0);
    });
  });

  it('a node that falls behind shows the past without wsrep_sync_wait, and lets a read wait with it', async () => {
    const [first = 0, second = 0] = galera().ports;
    const pools = [openNode(first, 3), openNode(second, 0), openNode(second, 3)];
    await withStores(pools, { tableName: 'galera_behind' }, async ([one, hasty, patient]) => {
      const behind = openNode(second, 0, undefined, { max: 1 });
      try {
        await behind.raw('flush tables with read lock'); // it applies nothing meanwhile
        await one?.set('sid', { user: 'ada' });
        expect(await hasty?.get('sid')).toBeNull();
        let waited = false;
        const read = patient?.get('sid').finally(() => {
          waited = true;
        });
        await sleep(300);
        expect(waited).toBe(false);
        await behind.raw('unlock tables');
        expect(await read).toEqual({ user: 'ada' });
      } finally {
        await behind.destroy();
      }
    });
  });
}

/** What is a matter of moments is tried until it was seen, within reason. */
async function until(stores: readonly KnexSessionStore[], seen: (counts: Counts) => boolean): Promise<Counts> {
  for (let tried = 1; ; tried++) {
    const counts = await seenThroughOthers(stores);
    if (seen(counts) || tried === 20) return counts;
  }
}

type Counts = Awaited<ReturnType<typeof seenThroughOthers>>;

/** Requests of one browser, each of which comes right after the other, through another node. */
async function seenThroughOthers(stores: readonly KnexSessionStore[]) {
  const counts = { rounds: ROUNDS, unread: 0, unsaved: 0, untouched: 0, stillIn: 0, revived: 0 };
  const through = (i: number) => stores[i % stores.length] as KnexSessionStore;
  const browse = async (i: number) => {
    const sid = `sid-${i}`;
    await through(i).set(sid, { user: i });
    const loaded = await through(i + 1).load(sid);
    if (loaded === null) counts.unread += 1;
    const revision = loaded?.revision ?? (await through(i).load(sid))?.revision;
    if (revision === undefined) throw new Error('The node that took the login does not have it.');
    if ((await through(i + 2).update(sid, { user: i, cart: 1 }, { revision })) === null) counts.unsaved += 1;
    const again = `again-${i}`;
    await through(i).set(again, { user: i });
    if (!(await through(i + 1).touch(again))) counts.untouched += 1;
    const born = `born-${i}`;
    const bornAs = await through(i).set(born, { user: i });
    await through(i + 1).destroy(born);
    if ((await through(i).update(born, { late: true }, { revision: bornAs })) !== null) counts.revived += 1;
    await sleep(50); // whatever was under way has arrived
    if ((await through(i + 2).get(born)) !== null) counts.stillIn += 1;
  };
  for (let i = 0; i < ROUNDS; i += 10) await Promise.all(Array.from({ length: 10 }, (_, k) => browse(i + k)));
  return counts;
}
