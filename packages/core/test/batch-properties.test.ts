import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { KnexSessionStore, type Revision, type StoreOptions } from '../src/index.js';
import {
  type Called,
  type Command,
  calls,
  inOrder,
  linearize,
  SIDS,
  type Sid,
  type State,
  type Step,
} from './linearization.js';

const TABLE = 'kss_batch_properties';
const NOW = Date.parse('2031-05-05T05:05:05.055Z');
const NOTHING: State = { a: null, b: null, c: null };
const schemas = [{ name: 'user_id', type: 'string', args: [20] }] as const;
type Store = KnexSessionStore<typeof schemas>;

const MODES: readonly StoreOptions['batch'][] = [
  false,
  { maxSize: 1, concurrency: 1 },
  { maxSize: 2 },
  { maxSize: 100, concurrency: 1 },
  {},
];

describe('the model', () => {
  const set = (sid: Sid, v: number): Command => ({ verb: 'set', sid, v, user: null, maxAge: 5 });
  const as = (command: Command, answer: unknown): Called => ({ command, of: undefined, answer, after: [] });
  const row = (v: number) => ({ session: { v }, expires: NOW + 5 });
  const order = (called: Called[], rows: unknown[]) =>
    linearize(NOTHING, called, rows, { now: NOW, fresh: 1 }) !== undefined;

  it('knows an order that the store may choose from one that it may not', () => {
    const sets = [as(set('a', 1), true), as(set('a', 2), true)];
    expect(order(sets, [row(2), null, null])).toBe(true);
    expect(order(sets, [row(1), null, null])).toBe(false);
    const counts = (n: number) => [as(set('a', 1), true), as({ verb: 'countAll' }, n), as(set('b', 2), true)];
    expect([0, 1, 2, 3].map((n) => order(counts(n), [row(1), row(2), null]))).toStrictEqual([false, true, true, false]);
    expect(order([as({ verb: 'clear' }, 0), as(set('a', 1), true)], [row(1), null, null])).toBe(true);
    expect(order([as({ verb: 'clear' }, 1), as(set('a', 1), true)], [null, null, null])).toBe(false);
  });
});

describeDatabases(
  'calls that nobody waits for',
  ({ name }, knex) => {
    const stores: Store[] = [];

    beforeAll(async () => {
      await knex().schema.dropTableIfExists(TABLE);
      for (const batch of MODES) {
        const options = { tableName: TABLE, schemas, gcInterval: 0, onConflict: 'overwrite' } as const;
        const store = new KnexSessionStore(knex(), {
          ...options,
          sync: stores.length === 0,
          ...(batch !== undefined && { batch }),
        });
        await store.waitForSync();
        stores.push(store);
      }
    });
    afterEach(() => {
      vi.useRealTimers();
    });
    afterAll(async () => {
      for (const store of stores) await store.close();
      await knex().schema.dropTableIfExists(TABLE);
    });

    /** Sends a command, with a revision if it is to have one; resolves to the answer as the model gives it. */
    const send = (store: Store, command: Command, revision: Revision | undefined): Promise<unknown> => {
      switch (command.verb) {
        case 'set':
        case 'update': {
          const session = { v: command.v, ...(command.user !== null && { user_id: command.user }) };
          const saved =
            command.verb === 'set'
              ? store.set(command.sid, session, command.maxAge)
              : store.update(command.sid, session, { maxAge: command.maxAge, revision });
          return saved.then((next) => next !== null);
        }
        case 'touch':
          return store.touch(command.sid, command.maxAge);
        case 'rewrite':
          return store.touch(command.sid, command.maxAge, { path: command.path });
        case 'destroy':
          return store.destroy(command.sid);
        case 'get':
          return store.get(command.sid);
        case 'find':
          return store
            .find({ user_id: command.user }, { data: true })
            .then((found) => inOrder(found.map(({ data }) => data)));
        case 'count':
          return store.count({ user_id: command.user });
        case 'countAll':
          return store.count('all');
        case 'destroyWhere':
          return store.destroyWhere({ user_id: command.user });
        case 'clear':
          return store.clear();
      }
    };

    async function run(mode: number, turns: readonly (readonly Step[])[]): Promise<void> {
      vi.useFakeTimers({ toFake: ['Date'], now: NOW });
      const store = stores[mode] as Store;
      await store.clear();
      let state = NOTHING;
      let before: Partial<Record<Sid, { revision: Revision; of: number | undefined }>> = {};
      for (const [turn, steps] of turns.entries()) {
        const loaded = await Promise.all(SIDS.map((sid) => store.load(sid)));
        const there: typeof before = {};
        for (const [i, sid] of SIDS.entries()) {
          const revision = loaded[i]?.revision;
          if (revision !== undefined) there[sid] = { revision, of: state[sid]?.born };
        }
        const known = steps.map(({ command }) =>
          command.verb === 'update' && command.by !== 'none'
            ? (command.by === 'now' ? there : before)[command.sid]
            : undefined,
        );
        const ended: number[] = [];
        const after: number[][] = [];
        const answers: Promise<unknown>[] = [];
        for (const [i, { later, command }] of steps.entries()) {
          if (later) await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
          after.push([...ended]);
          const answer = send(store, command, known[i]?.revision);
          answers.push(answer.finally(() => ended.push(i)));
          answers[i]?.catch(() => {}); // it is waited for below
        }
        const answered = await Promise.all(answers);
        const rows = await Promise.all(
          SIDS.map(async (sid) => {
            const row = await knex()(TABLE).where('sid', sid).first('expire_at');
            return row === undefined ? null : { session: await store.get(sid), expires: Number(row.expire_at) };
          }),
        );
        const called = steps.map(({ command }, i) => ({
          command,
          of: known[i]?.of,
          answer: answered[i],
          after: after[i] ?? [],
        }));
        const found = linearize(state, called, rows, { now: NOW, fresh: 1000 * (turn + 1) });
        if (found === undefined) throw new Error(`No order explains this: ${JSON.stringify({ state, called, rows })}`);
        state = found;
        before = { ...before, ...there };
      }
    }

    it('answer as in one of the orders that the store promises, whatever goes together', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.nat({ max: MODES.length - 1 }),
          fc.array(calls(10), { minLength: 1, maxLength: 4, size: 'max' }),
          run,
        ),
        { numRuns: name === 'sqlite' ? 300 : 100 },
      );
    });
  },
  undefined,
  { variants: [] },
);
