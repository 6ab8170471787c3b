import { isDeepStrictEqual } from 'node:util';

export const SIDS = ['a', 'b', 'c'] as const;
export type Sid = (typeof SIDS)[number];
export type Data = Readonly<Record<string, unknown>>;

/** How a process saves what another one has changed meanwhile. */
export type Policy = 'merge' | 'overwrite' | 'reject';

/** A session as the model has it. `born` tells its incarnations apart, `version` its contents. */
export interface Row {
  readonly data: Data;
  readonly expires: number;
  readonly born: number;
  readonly version: number;
}
export type State = Readonly<Record<Sid, Row | null>>;
export const NOTHING: State = { a: null, b: null, c: null };

/** What a request has of the session that it loaded, or saved last. */
export interface Held {
  readonly base: Data;
  readonly born: number;
  readonly version: number;
}

/** A call that is about one session. `held`: undefined for an update without a revision. */
export type Call =
  | { readonly verb: 'set'; readonly data: Data; readonly maxAge: number }
  | { readonly verb: 'update'; readonly data: Data; readonly maxAge: number; readonly held: Held | undefined }
  | { readonly verb: 'touch'; readonly maxAge: number }
  | { readonly verb: 'cookie'; readonly maxAge: number; readonly path: string }
  | { readonly verb: 'get' | 'destroy' };

export interface Outcome {
  readonly row: Row | null;
  /** A session or null for `get`, else whether there was one; or the code of a refusal. */
  readonly answer: unknown;
}

/**
 * What a call does to one session, alone.
 *
 * @param id of the content that it writes, and of the session that it makes
 */
export function apply(stored: Row | null, call: Call, policy: Policy, now: number, id: number): Outcome {
  const row = stored !== null && stored.expires > now ? stored : null;
  switch (call.verb) {
    case 'get':
      return { row: stored, answer: row?.data ?? null };
    case 'destroy':
      return { row: null, answer: undefined };
    case 'set': {
      const born = row?.born ?? id;
      return { row: { data: call.data, expires: now + call.maxAge, born, version: id }, answer: true };
    }
    case 'touch':
      return row === null
        ? { row: stored, answer: false }
        : { row: { ...row, expires: now + call.maxAge }, answer: true };
    case 'cookie': {
      if (row === null) return { row: stored, answer: false };
      const data = { ...row.data, cookie: { path: call.path } };
      return { row: { ...row, data, expires: now + call.maxAge, version: id }, answer: true };
    }
    case 'update': {
      const { held } = call;
      if (row === null || (held !== undefined && held.born !== row.born)) return { row: stored, answer: false };
      if (held !== undefined && policy === 'reject' && held.version !== row.version) {
        return { row: stored, answer: 'CONFLICT' };
      }
      const data = held !== undefined && policy === 'merge' ? merged(held.base, call.data, row.data) : call.data;
      return { row: { ...row, data, expires: now + call.maxAge, version: id }, answer: true };
    }
  }
}

/** Each key as the one that changed it left it; where both did, as `mine` has it. */
function merged(base: Data, mine: Data, theirs: Data): Data {
  const keys = new Set([base, mine, theirs].flatMap(Object.keys));
  const kept = [...keys].flatMap((key): [string, unknown][] => {
    const changed = key in base !== key in mine || !isDeepStrictEqual(base[key], mine[key]);
    const from = changed ? mine : theirs;
    return key in from ? [[key, from[key]]] : [];
  });
  return Object.fromEntries(kept);
}

/** A call of one process beside those of others, and how it was answered. */
export interface Answered {
  readonly process: number;
  readonly policy: Policy;
  readonly call: Call;
  readonly answer: unknown;
}

/**
 * Whether one order of calls on one session, in which those of one process follow each other, answers each as it was answered
 * and leaves the session that there is. Updates of one process are those of one request, with one revision.
 *
 * @param asks whether the server is asked afterwards which rows a write reached: one that was ended meanwhile counts as gone, and
 *   one that was born meanwhile as touched
 */
export function isExplained(
  start: Row | null,
  calls: readonly Answered[],
  left: Pick<Row, 'data' | 'expires'> | null,
  { now, asks }: { readonly now: number; readonly asks: boolean },
): boolean {
  const ends = asks && calls.some(({ call }) => call.verb === 'destroy');
  const begins = asks && calls.some(({ call }) => call.verb === 'set');
  const search = (done: readonly number[], row: Row | null, latest: Readonly<Record<number, Held>>): boolean => {
    if (done.length === calls.length) {
      return isDeepStrictEqual(row && { data: row.data, expires: row.expires }, left);
    }
    return calls.some(({ process, policy, call: given, answer }, i) => {
      const waits = calls.some((other, j) => j < i && other.process === process && !done.includes(j));
      if (done.includes(i) || waits) return false;
      const held = given.verb === 'update' ? given.held && (latest[process] ?? given.held) : undefined;
      const call = given.verb === 'update' ? { ...given, held } : given;
      const outcome = apply(row, call, policy, now, 1000 + i);
      const late = ends && outcome.answer === true && call.verb !== 'set' && answer === false;
      const early = begins && outcome.answer === false && call.verb === 'touch' && answer === true;
      if (!late && !early && !isDeepStrictEqual(outcome.answer, answer)) return false;
      // The next save of the same request begins with what this one saved.
      const saved = held !== undefined && call.verb === 'update' && answer === true;
      const next = saved ? { ...latest, [process]: { base: call.data, born: held.born, version: 1000 + i } } : latest;
      return search([...done, i], outcome.row, next);
    });
  };
  return search([], start, {});
}
