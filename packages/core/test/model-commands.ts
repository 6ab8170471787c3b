import fc from 'fast-check';
import { expect, vi } from 'vitest';
import type { Revision } from '../src/index.js';
import { apply, type Call, type Data, type Held, type Row, SIDS, type Sid, type State } from './model.js';
import { type Process, send } from './model-processes.js';

/** What a request of one process holds of a session. */
interface Request {
  readonly process: number;
  readonly sid: Sid;
  held: Held;
  revision: Revision;
}

/** The model, and what of it is under way. `requests` are the same in both: their `held` is the model's, their `revision` real. */
export interface Model {
  state: State;
  now: number;
  writes: number;
}
export interface Real {
  readonly processes: readonly Process[];
  readonly requests: (Request | undefined)[];
}
type Command = fc.AsyncCommand<Model, Real>;

const REQUESTS = 4;
export const START = Date.parse('2031-05-05T05:05:05.055Z');

const sid = fc.constantFrom(...SIDS);
const process = fc.nat({ max: 3 });
const request = fc.nat({ max: REQUESTS - 1 });
const value = fc.oneof(fc.nat({ max: 3 }), fc.constantFrom<unknown>(null, 'x', [1], { y: 1 }));
/** Few keys and few values, so that requests meet. One is a column. */
export const session: fc.Arbitrary<Data> = fc.record(
  { a: value, b: value, c: value, user_id: fc.constantFrom('u', 'w') },
  { requiredKeys: [], noNullPrototype: true },
);
export const lifetime = fc.constantFrom(50, 50, 1000, 1_000_000);
/** What a request does to the session that it has. */
const change = fc.tuple(session, fc.subarray(['a', 'b', 'c', 'user_id', 'cookie']));
export const changed = (base: Data, [put, gone]: readonly [Data, readonly string[]]): Data =>
  Object.fromEntries(Object.entries({ ...base, ...put }).filter(([key]) => !gone.includes(key)));

const isLive = (row: Row | null, now: number): row is Row => row !== null && row.expires > now;

/** One call on one session, with what another process reads afterwards. */
async function make(model: Model, real: Real, by: number, on: Sid, call: Call, revision?: Revision) {
  const { store, policy } = real.processes[by] as Process;
  const id = ++model.writes;
  const outcome = apply(model.state[on], call, policy, model.now, id);
  model.state = { ...model.state, [on]: outcome.row };
  const { answer, saved } = await send(store, on, call, revision);
  expect(answer).toStrictEqual(outcome.answer);
  const row = model.state[on];
  const seen = await (real.processes[(by + 1) % 4] as Process).store.get(on);
  expect(seen).toStrictEqual(isLive(row, model.now) ? row.data : null);
  return { saved, id };
}

function command(title: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return { check: () => true, run, toString: () => title };
}

/** A call that no request stands behind. */
const plain = fc
  .tuple(
    process,
    sid,
    fc.oneof(
      fc.record({ verb: fc.constant('set' as const), data: session, maxAge: lifetime }),
      fc.record({
        verb: fc.constant('update' as const),
        data: session,
        maxAge: lifetime,
        held: fc.constant(undefined),
      }),
      fc.record({ verb: fc.constant('touch' as const), maxAge: lifetime }),
      fc.record({ verb: fc.constant('cookie' as const), maxAge: lifetime, path: fc.constantFrom('/x', '/y') }),
      fc.record({ verb: fc.constantFrom('get' as const, 'destroy' as const) }),
    ),
  )
  .map(([by, on, call]) =>
    command(`${by}.${call.verb}(${on}, ${JSON.stringify(call)})`, async (model, real) => {
      await make(model, real, by, on, call);
    }),
  );

const loads = fc.tuple(request, process, sid).map(([at, by, on]) =>
  command(`request ${at} = ${by}.load(${on})`, async (model, real) => {
    const loaded = await (real.processes[by] as Process).store.load(on);
    const row = model.state[on];
    expect(loaded?.session ?? null).toStrictEqual(isLive(row, model.now) ? row.data : null);
    if (loaded === null || row === null) return;
    const held = { base: row.data, born: row.born, version: row.version };
    real.requests[at] = { process: by, sid: on, held, revision: loaded.revision };
  }),
);

/** A request saves, and goes on with the revision that it gets, or with the one that it had. */
const saves = fc.tuple(request, change, lifetime, fc.boolean()).map(([at, what, maxAge, again]) =>
  command(
    `request ${at} saves ${JSON.stringify(what)} for ${maxAge}${again ? ', and forgets it' : ''}`,
    async (model, real) => {
      const one = real.requests[at];
      if (one === undefined) return;
      const data = changed(one.held.base, what);
      const call: Call = { verb: 'update', data, maxAge, held: one.held };
      const { saved, id } = await make(model, real, one.process, one.sid, call, one.revision);
      if (!saved) return;
      one.held = { base: data, born: one.held.born, version: id };
      if (!again) one.revision = saved;
    },
  ),
);

/** Time goes on for all. */
const waits = fc.constantFrom(1, 49, 50, 50, 950, 100_000).map((ms) =>
  command(`${ms} ms pass`, async (model) => {
    model.now += ms;
    vi.setSystemTime(model.now);
  }),
);

const searches = fc
  .tuple(process, fc.constantFrom('destroyWhere', 'except', 'find', 'count', 'gc'), fc.constantFrom('u', 'w'), sid)
  .map(([by, verb, user_id, spared]) =>
    command(`${by}.${verb}(${user_id}, ${spared})`, async (model, real) => {
      const { store } = real.processes[by] as Process;
      const rows = SIDS.map((name) => ({ name, row: model.state[name] }));
      const live = rows.filter(({ row }) => isLive(row, model.now));
      const meant = live.filter(({ row }) => row?.data.user_id === user_id);
      const end = (ended: typeof rows) => {
        model.state = { ...model.state, ...Object.fromEntries(ended.map(({ name }) => [name, null])) };
        return ended.length;
      };
      if (verb === 'find') {
        const found = (await store.find({ user_id }, { data: true })).map(({ data }) =>
          JSON.stringify(data, keysInOrder(data)),
        );
        const wanted = meant.map(({ row }) => JSON.stringify(row?.data, keysInOrder(row?.data)));
        expect(found.sort()).toStrictEqual(wanted.sort());
      } else if (verb === 'count') {
        expect(await store.count({ user_id })).toBe(meant.length);
      } else if (verb === 'destroyWhere') {
        expect(await store.destroyWhere({ user_id })).toBe(end(meant));
      } else if (verb === 'except') {
        const ended = end(meant.filter(({ name }) => name !== spared));
        expect(await store.destroyWhere({ user_id }, { except: spared })).toBe(ended);
      } else {
        expect(await store.gc()).toBe(end(rows.filter(({ row }) => row !== null && row.expires <= model.now)));
      }
    }),
  );

function keysInOrder(data: object | undefined): string[] {
  return [...Object.keys(data ?? {}), 'y', 'path'].sort();
}

export const commands = (maxCommands: number) =>
  fc.commands(
    [...[loads, loads, loads, saves, saves, saves, saves, plain, plain, plain], ...[waits, waits, waits, searches]],
    {
      maxCommands,
      size: 'max',
    },
  );
