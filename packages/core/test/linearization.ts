import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';

export const SIDS = ['a', 'b', 'c'] as const;
export type Sid = (typeof SIDS)[number];
export type User = 'u' | 'w';

/** A session as the model has it. `born` tells its incarnations apart. */
export interface Modelled {
  readonly v: number;
  readonly user: User | null;
  readonly path: string | null;
  readonly expires: number;
  readonly born: number;
}
export type State = Readonly<Record<Sid, Modelled | null>>;

/** Milliseconds that a session may live, other ones in each call so that the row tells whose it is. */
type Lifetime = { readonly maxAge: number };
type Save = Lifetime & { readonly sid: Sid; readonly v: number; readonly user: User | null };

export type Command =
  | ({ readonly verb: 'set' } & Save)
  /** `by`: with no revision, with that of the session that is there, or with one of before. */
  | ({ readonly verb: 'update'; readonly by: 'none' | 'now' | 'before' } & Save)
  | ({ readonly verb: 'touch'; readonly sid: Sid } & Lifetime)
  | ({ readonly verb: 'rewrite'; readonly sid: Sid; readonly path: string } & Lifetime)
  | { readonly verb: 'destroy' | 'get'; readonly sid: Sid }
  | { readonly verb: 'find' | 'count' | 'destroyWhere'; readonly user: User }
  | { readonly verb: 'clear' | 'countAll' };

/** A call that ended: what it was, which incarnation its revision was of, and what it answered. */
export interface Called {
  readonly command: Command;
  readonly of: number | undefined;
  readonly answer: unknown;
  /** Which of the calls had ended when it was made. */
  readonly after: readonly number[];
}

/** A command, and whether it is called later than those before it. */
export type Step = { readonly later: boolean; readonly command: Command };

/** Calls that nobody waits for, distinct in what they write. */
export function calls(most: number): fc.Arbitrary<Step[]> {
  const sid = fc.constantFrom(...SIDS);
  const user = fc.constantFrom<User | null>('u', 'w', null);
  const some = fc.constantFrom<User>('u', 'w');
  const save = { sid, user, v: fc.nat(), maxAge: fc.nat() };
  const command: fc.Arbitrary<Command> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ verb: fc.constant('set' as const), ...save }) },
    {
      weight: 5,
      arbitrary: fc.record({
        verb: fc.constant('update' as const),
        by: fc.constantFrom('none' as const, 'now' as const, 'before' as const),
        ...save,
      }),
    },
    { weight: 2, arbitrary: fc.record({ verb: fc.constant('touch' as const), sid, maxAge: fc.nat() }) },
    {
      weight: 2,
      arbitrary: fc.record({
        verb: fc.constant('rewrite' as const),
        sid,
        path: fc.constantFrom('/x', '/y'),
        maxAge: fc.nat(),
      }),
    },
    { weight: 3, arbitrary: fc.record({ verb: fc.constant('destroy' as const), sid }) },
    { weight: 5, arbitrary: fc.record({ verb: fc.constant('get' as const), sid }) },
    {
      weight: 3,
      arbitrary: fc.record({
        verb: fc.constantFrom('find' as const, 'count' as const, 'destroyWhere' as const),
        user: some,
      }),
    },
    { weight: 2, arbitrary: fc.record({ verb: fc.constantFrom('clear' as const, 'countAll' as const) }) },
  );
  const later = fc.nat({ max: 3 }).map((n) => n === 3);
  return fc.array(fc.record({ later, command }), { minLength: 1, maxLength: most, size: 'max' }).map((steps) =>
    steps.map((one, i) => ({
      later: one.later,
      command: {
        ...one.command,
        ...('v' in one.command && { v: i }),
        ...('maxAge' in one.command && { maxAge: 1_000_000 + i }),
      },
    })),
  );
}

/** A session as a read gives it. */
function sessionOf({ v, user, path }: Modelled): Record<string, unknown> {
  return { v, ...(user !== null && { user_id: user }), ...(path !== null && { cookie: { path } }) };
}

const many = ({ verb }: Command) => ['find', 'count', 'countAll', 'destroyWhere', 'clear'].includes(verb);
const writes = ({ verb }: Command) => !['get', 'find', 'count', 'countAll'].includes(verb);

/** Whether a call must come before one that was called later, by the order that the store promises. */
function precedes(first: Command, later: Command): boolean {
  if ('sid' in first && 'sid' in later) return first.sid === later.sid;
  if (many(later)) return writes(first);
  return first.verb === 'clear' && writes(later);
}

/** What a call does alone: the state after it and its answer. */
function apply(state: State, { command, of }: Called, at: number, now: number): { state: State; answer: unknown } {
  const live = Object.values(state).filter((one) => one !== null);
  switch (command.verb) {
    case 'get': {
      const row = state[command.sid];
      return { state, answer: row && sessionOf(row) };
    }
    case 'destroy':
      return { state: { ...state, [command.sid]: null }, answer: undefined };
    case 'set':
    case 'update': {
      const row = state[command.sid];
      const { sid, v, user, maxAge } = command;
      const reached = command.verb === 'set' || (row !== null && (of === undefined || of === row.born));
      if (!reached) return { state, answer: false };
      const saved = { v, user, path: null, expires: now + maxAge, born: row?.born ?? at };
      return { state: { ...state, [sid]: saved }, answer: true };
    }
    case 'touch':
    case 'rewrite': {
      const row = state[command.sid];
      if (row === null) return { state, answer: false };
      const path = command.verb === 'rewrite' ? command.path : row.path;
      return { state: { ...state, [command.sid]: { ...row, path, expires: now + command.maxAge } }, answer: true };
    }
    case 'find':
      return { state, answer: inOrder(live.filter(({ user }) => user === command.user).map(sessionOf)) };
    case 'count':
      return { state, answer: live.filter(({ user }) => user === command.user).length };
    case 'countAll':
      return { state, answer: live.length };
    case 'clear':
      return { state: { a: null, b: null, c: null }, answer: live.length };
    case 'destroyWhere': {
      const kept = SIDS.map((sid) => [sid, state[sid]?.user === command.user ? null : state[sid]]);
      const ended = live.filter(({ user }) => user === command.user).length;
      return { state: Object.fromEntries(kept), answer: ended };
    }
  }
}

/** In an order of their own, since that of a search is another matter. */
export const inOrder = (sessions: readonly (Record<string, unknown> | undefined)[]) =>
  sessions.map((one) => JSON.stringify([one?.v, one?.user_id, one?.cookie])).sort();

/** What can be seen of a state in the rows. */
const rowsOf = (state: State) =>
  SIDS.map((sid) => {
    const row = state[sid];
    return row && { session: sessionOf(row), expires: row.expires };
  });

/**
 * The state that an order of the calls, one after another, leads to, where one of those that the store may choose answers all as
 * they were answered and leaves the rows that there are.
 *
 * @param fresh the number of the first incarnation that is born
 */
export function linearize(
  start: State,
  called: readonly Called[],
  rows: readonly unknown[],
  { now, fresh }: { now: number; fresh: number },
): State | undefined {
  const before = called.map(({ command, after }, i) =>
    called.slice(0, i).flatMap((one, j) => (after.includes(j) || precedes(one.command, command) ? [j] : [])),
  );
  const dead = new Set<string>();
  const search = (done: ReadonlySet<number>, state: State): State | undefined => {
    if (done.size === called.length) return isDeepStrictEqual(rowsOf(state), rows) ? state : undefined;
    const key = JSON.stringify([[...done].sort((a, b) => a - b), state]);
    if (dead.has(key)) return undefined;
    for (const [i, call] of called.entries()) {
      if (done.has(i) || !before[i]?.every((j) => done.has(j))) continue;
      const next = apply(state, call, fresh + i, now);
      if (!isDeepStrictEqual(next.answer, call.answer)) continue;
      const found = search(new Set([...done, i]), next.state);
      if (found !== undefined) return found;
    }
    dead.add(key);
    return undefined;
  };
  return search(new Set(), start);
}
