import { AsyncLocalStorage } from 'node:async_hooks';

/** What is remembered for the length of a request: marks hang on it, and it knows which sids the request ended. */
export interface Carrier {
  readonly ended: Set<string>;
}

// One request ends a session or two; more would be a context that several requests share.
const ENDED_SIDS = 16;

const requests = new AsyncLocalStorage<Carrier>();

/**
 * Begins to remember for the request that is under way. To be called before the first `await` of the store's `get`: then
 * the caller's own continuation sees it, too.
 */
export function enterRequest(): Carrier {
  const carrier: Carrier = { ended: requests.getStore()?.ended ?? new Set() };
  requests.enterWith(carrier);
  return carrier;
}

/** What was remembered for the request, if its `get` was called and the async context was kept. */
export function currentRequest(): Carrier | undefined {
  return requests.getStore();
}

/** Remembers that the request itself ended a session. */
export function rememberEnded(sid: string): void {
  const ended = requests.getStore()?.ended;
  if (ended === undefined) return;
  ended.add(sid);
  const [oldest] = ended;
  if (ended.size > ENDED_SIDS && oldest !== undefined) ended.delete(oldest);
}
