import type { SessionStore } from '@kss/core';

/** Sends every statement that the verbs on one session have, for one session and for several at once. */
export async function warmUp(store: SessionStore): Promise<void> {
  for (const count of [1, 2, 3]) {
    const sids = Array.from({ length: count }, (_, i) => `harmless-${i}`);
    const each = async (call: (sid: string) => Promise<unknown>) => void (await Promise.all(sids.map(call)));
    await each((sid) => store.set(sid, { n: 1 }));
    await each((sid) => store.update(sid, { n: 2 }));
    const loaded = await Promise.all(sids.map((sid) => store.load(sid)));
    await each((sid) => store.update(sid, { n: 3 }, { revision: loaded[sids.indexOf(sid)]?.revision }));
    // The second one finds what the first one saved, and merges.
    await each((sid) => store.update(sid, { n: 4 }, { revision: loaded[sids.indexOf(sid)]?.revision }));
    await each((sid) => store.touch(sid));
    await each((sid) => store.touch(sid, 60_000, {}));
    await each((sid) => store.load(sid));
    await each((sid) => store.destroy(sid));
    await each((sid) => store.update(sid, { n: 5 }));
    await each((sid) => store.touch(sid));
  }
  await store.find('all');
  await store.find('all', { data: true });
  await store.count('all');
}
