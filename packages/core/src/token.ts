import { createHash } from 'node:crypto';

/**
 * The revision token: an incarnation (25 bits), fresh whenever a session is born, and a random part (27 bits), fresh at
 * every write. Together they are a safe integer. The incarnation tells a late save that its session died and another was
 * born under the same sid; the random part tells writers apart, on databases that do not say which rows an UPDATE matched.
 */
export const RANDOM_SPAN = 2 ** 27;
const INCARNATIONS = 2 ** 25;

/** The token of a new session. */
export function freshToken(random: () => number = Math.random): number {
  return Math.floor(random() * INCARNATIONS) * RANDOM_SPAN + Math.floor(random() * RANDOM_SPAN);
}

/** The lowest and the highest token of the same incarnation. */
export function incarnationOf(token: number): readonly [lowest: number, highest: number] {
  const lowest = token - (token % RANDOM_SPAN);
  return [lowest, lowest + RANDOM_SPAN - 1];
}

/** The random part of a token. */
export function randomOf(token: number): number {
  return token % RANDOM_SPAN;
}

/** What no row has for a token. */
export const NO_TOKEN = -1;

/** The range of all tokens, and of what another program may have written instead of one. */
export const ANY_INCARNATION = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const;

/** The random part of a token that differs from one that was there, so that every update changes the row. */
export function nextRandom(token: number | undefined, random: () => number = Math.random): number {
  const next = Math.floor(random() * RANDOM_SPAN);
  return token !== undefined && next === token % RANDOM_SPAN ? (next + 1) % RANDOM_SPAN : next;
}

/** The token of a row that has none: by its content, in the one incarnation that there is then. */
export function contentToken(content: string): number {
  return createHash('sha256').update(content).digest().readUInt32BE(0) % RANDOM_SPAN;
}
