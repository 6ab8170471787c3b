import type { SessionData } from './types.js';

const PLAIN = { configurable: true, enumerable: true, writable: true };

/**
 * What two requests made of one session, together: each top-level key as the one that changed it left it; where both did, as
 * the later save, `mine`, has it. A key that one deleted and the other left alone is gone.
 *
 * @param base the session as `mine` began with it
 * @param mine the session that is being saved
 * @param theirs the session that is stored
 */
export function mergeSessions(base: SessionData, mine: SessionData, theirs: SessionData): SessionData {
  const merged: SessionData = { ...theirs };
  for (const key of new Set([...Object.keys(base), ...Object.keys(mine)])) {
    if (sameJson(own(base, key), own(mine, key))) continue;
    // Defined, so that a session key named `__proto__` is a key like any other.
    if (Object.hasOwn(mine, key)) Object.defineProperty(merged, key, { ...PLAIN, value: mine[key] });
    else delete merged[key];
  }
  return merged;
}

/** Whether two values are stored as the same JSON; an absent one equals only an absent one. */
function sameJson(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

function own(session: SessionData, key: string): unknown {
  return Object.hasOwn(session, key) ? session[key] : undefined;
}
