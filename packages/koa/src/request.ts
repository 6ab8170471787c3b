import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';

/** What became of a sid: the request ended its session, or found that somebody else had. */
type Fate = 'ended' | 'lost';

/** What is remembered for the length of a request: marks hang on it, and it knows what became of sids. */
export interface Carrier {
  /** Whether it is there from the start of the request to its end, and not just from a `get` on. */
  readonly whole: boolean;
  readonly fates: Map<string, Fate>;
}

// A request deals with a session or two; more would be a context that several requests share.
const REMEMBERED_FATES = 16;

const requests = new AsyncLocalStorage<Carrier>();
let watching = false;

/**
 * From now on every HTTP request has a carrier of its own, from its start.
 *
 * A carrier that `get` alone began would have two faults: the caller of the caller does not see it, if that one had to wait
 * for anything else before; and the next request of a connection that is kept alive begins in the context that this one
 * left behind (Node 20 and 22). Node tells of a request in the very context in which its listeners are about to run.
 */
export function watchRequests(): void {
  if (watching) return;
  watching = true;
  subscribe('http.server.request.start', () => requests.enterWith({ whole: true, fates: new Map() }));
}

/**
 * The carrier of the request that is under way. Where there is none (HTTP/2, code outside of any request), a new one begins
 * with each `get`: it must be called before the first `await`, so that the caller's continuation sees it.
 */
export function enterRequest(): Carrier {
  const current = requests.getStore();
  if (current?.whole) return current;
  const carrier: Carrier = { whole: false, fates: current?.fates ?? new Map() };
  requests.enterWith(carrier);
  return carrier;
}

/** What is remembered for the request that is under way, if anything is. */
export function currentRequest(): Carrier | undefined {
  return requests.getStore();
}

/** Remembers that the request itself ended a session. */
export function rememberEnded(sid: string): void {
  const request = requests.getStore();
  if (request !== undefined) remember(request, sid, 'ended');
}

/** Remembers whether a session was there. One that the request ended itself is not lost when it is not there. */
export function rememberFound(request: Carrier, sid: string, found: boolean): void {
  if (found) request.fates.delete(sid);
  else if (!request.fates.has(sid)) remember(request, sid, 'lost');
}

/** Whether the request looked for a session that somebody else had ended. */
export function isLost(sid: string): boolean {
  return requests.getStore()?.fates.get(sid) === 'lost';
}

function remember({ fates }: Carrier, sid: string, fate: Fate): void {
  fates.delete(sid);
  fates.set(sid, fate);
  const [oldest] = fates.keys();
  if (fates.size > REMEMBERED_FATES && oldest !== undefined) fates.delete(oldest);
}
