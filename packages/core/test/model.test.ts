import { randomInt } from 'node:crypto';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Answered,
  apply,
  type Call,
  type Data,
  isExplained,
  NOTHING,
  type Policy,
  SIDS,
  type Sid,
} from './model.js';
import { changed, commands, lifetime, START, session } from './model-commands.js';
import { openProcesses, type Process, send } from './model-processes.js';

const TABLE = 'kss_model';
const RUNS = Number(process.env.KSS_MODEL_RUNS ?? 1);
const SEED = Number(process.env.KSS_MODEL_SEED ?? randomInt(2 ** 31));
const parameters = { seed: SEED, verbose: 1, endOnFailure: RUNS > 1 };

describe('the model', () => {
  const row = (data: Data, version: number) => ({ data, expires: 9, born: 1, version });
  const save = (policy: Policy, held: Data, mine: Data, theirs: Data) =>
    apply(
      row(theirs, 2),
      { verb: 'update', data: mine, maxAge: 5, held: { base: held, born: 1, version: 1 } },
      policy,
      0,
      3,
    );

  it('keeps the keys of both, and of one key the later save', () => {
    expect(save('merge', { a: 1, b: 1, c: 1 }, { a: 2, b: 1 }, { a: 3, b: 2, c: 1, d: 1 }).row?.data).toStrictEqual({
      a: 2,
      b: 2,
      d: 1,
    });
    expect(save('overwrite', { a: 1 }, { a: 2 }, { b: 1 }).row?.data).toStrictEqual({ a: 2 });
    expect(save('reject', { a: 1 }, { a: 2 }, { b: 1 })).toStrictEqual({ row: row({ b: 1 }, 2), answer: 'CONFLICT' });
  });

  it('knows what an order explains from what none does', () => {
    const calls = (...all: [Call, unknown, number][]): Answered[] =>
      all.map(([call, answer, process]) => ({ process, policy: 'merge', call, answer }));
    const held = { base: {}, born: 1, version: 1 };
    const update = (data: Data): Call => ({ verb: 'update', data, maxAge: 5, held });
    const at = { now: 0, asks: false };
    const both = calls([update({ a: 1 }), true, 0], [update({ b: 1 }), true, 1]);
    expect(isExplained(row({}, 1), both, { data: { a: 1, b: 1 }, expires: 5 }, at)).toBe(true);
    expect(isExplained(row({}, 1), both, { data: { a: 1 }, expires: 5 }, at)).toBe(false);
    const kicked = calls([update({ a: 1 }), true, 0], [{ verb: 'destroy' }, undefined, 1]);
    expect(isExplained(row({}, 1), kicked, null, at)).toBe(true);
    expect(isExplained(row({}, 1), kicked, { data: { a: 1 }, expires: 5 }, at)).toBe(false);
    const inOrder = calls([{ verb: 'destroy' }, undefined, 0], [update({ a: 1 }), true, 0]);
    expect(isExplained(row({}, 1), inOrder, null, at)).toBe(false);
  });
});

const verb = fc.constantFrom('update', 'update', 'update', 'set', 'touch', 'cookie', 'get', 'destroy');
const change = fc.tuple(session, fc.subarray(['a', 'b', 'c', 'user_id']));
/** Calls that are made at once, each by a process on a session; an update is one of a session that the process loaded before. */
const round = fc.array(
  fc.record({
    by: fc.nat({ max: 3 }),
    sid: fc.constantFrom<Sid>('a', 'b'),
    verb,
    change,
    maxAge: lifetime,
    path: fc.constantFrom('/x', '/y'),
  }),
  { minLength: 2, maxLength: 8, size: 'max' },
);

describeDatabases(
  'several processes on one table',
  (database, direct) => {
    let opened: Awaited<ReturnType<typeof openProcesses>>;
    const many = (sqlite: number, others: number) => (database.name === 'sqlite' ? sqlite : others) * RUNS;

    beforeAll(async () => {
      opened = await openProcesses(database, direct(), TABLE);
      process.stdout.write(`model on ${database.label}: KSS_MODEL_SEED=${SEED}\n`);
    });
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['Date'], now: START });
    });
    afterEach(() => {
      vi.useRealTimers();
    });
    afterAll(() => opened.close());

    /** A session that no command is about. */
    const other = async () => {
      await opened.knex(TABLE).delete();
      await opened
        .knex(TABLE)
        .insert({ sid: 'other', expire_at: START * 2, revision: 7, additional: '{"other":1}', user_id: 'o' });
    };
    const otherHolds = async () => {
      const rows = await opened.knex(TABLE).where('sid', 'other').select('*');
      const plain = rows.map((row) => ({ ...row, expire_at: Number(row.expire_at), revision: Number(row.revision) }));
      expect(plain).toStrictEqual([
        { sid: 'other', expire_at: START * 2, revision: 7, additional: '{"other":1}', user_id: 'o' },
      ]);
    };

    it('answer as the model does, whatever the order of their loads, saves, ends and expiries', async () => {
      await fc.assert(
        fc.asyncProperty(commands(30), async (all) => {
          await other();
          vi.setSystemTime(START);
          await fc.asyncModelRun(
            () => ({
              model: { state: NOTHING, now: START, writes: 0 },
              real: { processes: opened.processes, requests: [] },
            }),
            all,
          );
          await otherHolds();
        }),
        { numRuns: many(150, 20), ...parameters },
      );
    });

    it('answer as in some order of their calls where they call at once', async () => {
      const asks = database.name === 'mariadb' || database.name === 'mysql';
      await fc.assert(
        fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 4, size: 'max' }), async (rounds) => {
          await other();
          vi.setSystemTime(START);
          const [first] = opened.processes as readonly [Process, ...Process[]];
          for (const sid of SIDS) await first.store.set(sid, { a: 0, b: 0 }, 1_000_000);
          for (const calls of rounds) {
            const loaded = await Promise.all(
              opened.processes.map(async ({ store }) => ({
                a: await store.load('a'),
                b: await store.load('b'),
                c: null,
              })),
            );
            const before = await left();
            const answered = await Promise.all(
              calls.map(async ({ by, sid, verb, change, maxAge, path }) => {
                const { store, policy } = opened.processes[by] as Process;
                const mine = loaded[by]?.[sid];
                const base = (mine?.session ?? {}) as Data;
                const held = mine ? { base, born: 1, version: 1 } : undefined;
                // What no process has loaded, a request saves as a new session.
                const save = verb === 'update' && held === undefined ? 'set' : verb;
                const call = { verb: save, data: changed(base, change), maxAge, path, held } as Call;
                const { answer } = await send(store, sid, call, mine?.revision);
                return { sid, process: by, policy, call, answer };
              }),
            );
            const after = await left();
            for (const sid of SIDS) {
              const start = before[sid] && { ...before[sid], born: 1, version: 1 };
              const its = answered.filter((one) => one.sid === sid);
              if (isExplained(start, its, after[sid], { now: START, asks })) continue;
              throw new Error(`No order explains this: ${JSON.stringify({ sid, start, its, after: after[sid] })}`);
            }
          }
          await otherHolds();
        }),
        { numRuns: many(120, 25), ...parameters },
      );
    });

    /** The sessions that there are, with their ends. */
    const left = async () => {
      const [first] = opened.processes as readonly [Process, ...Process[]];
      const found = await Promise.all(
        SIDS.map(async (sid) => {
          const row = await opened.knex(TABLE).where({ sid }).first('expire_at');
          const data = row === undefined ? null : await first.store.get(sid);
          return [sid, data && { data: data as Data, expires: Number(row?.expire_at) }] as const;
        }),
      );
      return Object.fromEntries(found) as Record<Sid, { data: Data; expires: number } | null>;
    };
  },
  undefined,
  { variants: [] },
);
