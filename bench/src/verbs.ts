import { countOf, type Ledger } from './ledger.js';
import { eachSession } from './load.js';
import type { Calls } from './peer.js';
import { type AppSession, contentOf, freshCookie, sidOf } from './sessions.js';

/** What is measured: a call, or the calls of one request of a real app. */
export type Verb = 'get' | 'touch' | 'set' | 'mix';

export const VERBS: readonly Verb[] = ['get', 'touch', 'set', 'mix'];

/** Of the requests of an app, how many change the session. */
const WRITES = 0.1;

/** One step of a client, for the session of that number. */
export function stepOf(verb: Verb, calls: Calls, ledger: Ledger): (index: number) => Promise<void> {
  const save = (index: number) =>
    ledger.save(index, (version) => calls.set(sidOf(index), { cookie: freshCookie(), ...contentOf(index, version) }));
  const steps: Record<Verb, (index: number) => Promise<void>> = {
    get: async (index) => ledger.check(index, await calls.get(sidOf(index))),
    touch: (index) => calls.touch(sidOf(index), ledger.current(index)),
    set: save,
    // What express-session does in a request: read, make a session of it, begin its lifetime anew, touch or save.
    mix: async (index) => {
      const sid = sidOf(index);
      const found = await calls.get(sid);
      ledger.check(index, found);
      if (!found) return;
      const session: AppSession = calls.hydrate(sid, found);
      session.cookie = freshened(session.cookie);
      if (Math.random() >= WRITES) return calls.touch(sid, session);
      await ledger.save(index, (version) => {
        session.version = version;
        return calls.set(sid, session);
      });
    },
  };
  return steps[verb];
}

const AT_ONCE = 32;

/** Saves every session once. A store that cannot do that would be measured on another table than the others. */
export async function fill(name: string, calls: Calls, ledger: Ledger): Promise<void> {
  await eachSession({ step: stepOf('set', calls, ledger), ledger, clients: AT_ONCE });
  if (countOf(ledger.faults) > 0) throw new Error(`${name} could not be filled: ${ledger.faults.first}`);
}

/** Reads every session once and compares it in whole. */
export async function sweep(calls: Calls, ledger: Ledger): Promise<void> {
  const step = async (index: number) => ledger.check(index, await calls.get(sidOf(index)), true);
  await eachSession({ step, ledger, clients: AT_ONCE });
}

function freshened(cookie: AppSession['cookie']): AppSession['cookie'] {
  const { originalMaxAge } = cookie;
  if (originalMaxAge !== null) cookie.maxAge = originalMaxAge;
  cookie.originalMaxAge = originalMaxAge;
  return cookie;
}
