import { describeDatabases } from '@kss/test-kit';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { addColumnsMigration, backfill, createSessionTable, KnexSessionStore } from '../src/index.js';
import { keyOf } from '../src/sid.js';
import type { SchemaField } from '../src/types.js';

const TABLE = 'kss_test_backfill_at_once';
const SCHEMAS: readonly SchemaField[] = [
  { name: 'user_id', type: 'string', args: [100], index: true },
  { name: 'account', type: 'string', args: [100], from: 'passport.user' },
];
const SESSIONS = 2000;
const ROLES = ['left', 'newer', 'older', 'set', 'touched', 'ended', 'left', 'left'] as const;
/** Each has all roles to do. */
const LANES = 7;
const HOUR = 3_600_000;

interface Row {
  readonly sid: string;
  readonly expire_at: unknown;
  readonly created_at: unknown;
  readonly updated_at: unknown;
}

describeDatabases(
  'backfill while the app runs',
  (_, knex) => {
    const stores: { close(): Promise<void> }[] = [];
    const clean = async () => {
      await Promise.all(stores.splice(0).map((store) => store.close()));
      await knex().schema.dropTableIfExists(TABLE);
    };
    beforeAll(clean);
    afterEach(clean);

    const open = (schemas: readonly SchemaField[]) => {
      const store = new KnexSessionStore<readonly SchemaField[]>(knex(), {
        tableName: TABLE,
        timestamps: true,
        gcInterval: 0,
        sync: false,
        timeout: 60_000,
        maxAge: HOUR,
        schemas,
      });
      stores.push(store);
      return store;
    };
    const roleOf = (i: number) => ROLES[i % ROLES.length] ?? 'left';
    const sidOf = (i: number) => `${i % 3 === 0 ? '' : 'with a space '}${roleOf(i)}-${i}`;
    const rowOf = (all: ReadonlyMap<string, Row>, i: number) => all.get(keyOf(sidOf(i), 255));
    const rows = async () => {
      const all = (await knex()(TABLE).select('sid', 'expire_at', 'created_at', 'updated_at')) as Row[];
      return new Map(all.map((row) => [row.sid, row]));
    };

    it('loses nothing, moves no end, brings nobody back, and finds every session in the end', async () => {
      await createSessionTable(knex(), { tableName: TABLE, timestamps: true });
      const older = open([]);
      await Promise.all(
        Array.from({ length: SESSIONS }, (__, i) =>
          older.set(sidOf(i), { user_id: `user-${i % 50}`, passport: { user: `account-${i}` }, i, n: 0 }),
        ),
      );
      await addColumnsMigration<readonly SchemaField[]>({ tableName: TABLE, timestamps: true, schemas: SCHEMAS }, [
        'user_id',
        'account',
      ]).up(knex());
      const before = await rows();
      const newer = open(SCHEMAS);

      let running = true;
      const counts = Array.from({ length: SESSIONS }, () => 0);
      const ends = new Map<number, [least: number, most: number]>();
      const turn = async (i: number) => {
        const sid = sidOf(i);
        const n = (counts[i] ?? 0) + 1;
        const role = roleOf(i);
        if (role === 'newer' || role === 'older') {
          const store = role === 'newer' ? newer : older;
          const loaded = await store.load(sid);
          const saved = await store.update(sid, { ...loaded?.session, n }, { revision: loaded?.revision });
          expect([sid, saved === null]).toEqual([sid, false]);
        } else if (role === 'set') {
          await newer.set(sid, { user_id: `user-${i % 50}`, passport: { user: `account-${i}` }, i, n });
        } else if (role === 'touched') {
          const [least, maxAge] = [Date.now(), 2 * HOUR + n * 1000];
          expect(await (n % 2 ? newer : older).touch(sid, maxAge)).toBe(true);
          ends.set(i, [least + maxAge, Date.now() + maxAge]);
        } else if (n === 1) await (i % 2 ? newer : older).destroy(sid);
        counts[i] = n;
      };
      const worker = async (lane: number) => {
        while (running) {
          for (let i = lane; i < SESSIONS && running; i += LANES) {
            await (roleOf(i) === 'left' ? undefined : turn(i));
            await new Promise(setImmediate);
          }
        }
      };
      const work = Promise.all(Array.from({ length: LANES }, (__, lane) => worker(lane)));
      const progress = await backfill(newer, { chunk: 300 });
      running = false;
      await work;
      expect(progress.failed).toBe(0);
      expect(progress.filled).toBeGreaterThan(0);
      await backfill(newer);
      expect(await backfill(newer)).toMatchObject({ filled: 0, missed: 0, failed: 0 });

      const after = await rows();
      const found = new Map(
        (await newer.find('all', { limit: Number.POSITIVE_INFINITY, data: true })).map(({ data, columns }) => [
          data?.i,
          { data, columns },
        ]),
      );
      for (let i = 0; i < SESSIONS; i++) {
        const [sid, role] = [sidOf(i), roleOf(i)];
        if (role === 'ended' && counts[i]) {
          expect([sid, found.get(i)]).toEqual([sid, undefined]);
          continue;
        }
        const names = { user_id: `user-${i % 50}`, passport: { user: `account-${i}` } };
        const n = role === 'touched' ? 0 : (counts[i] ?? 0);
        expect(found.get(i)).toEqual({
          data: { ...names, i, n },
          columns: { user_id: names.user_id, account: names.passport.user },
        });
        if (role === 'left') expect([sid, rowOf(after, i)]).toEqual([sid, rowOf(before, i)]);
        const [least, most] = ends.get(i) ?? [0, Number.POSITIVE_INFINITY];
        const end = Number(rowOf(after, i)?.expire_at);
        expect(end).toBeGreaterThanOrEqual(least);
        expect(end).toBeLessThanOrEqual(most);
      }
      expect(await newer.count({ user_id: 'user-7' })).toBe(
        [...found.values()].filter((one) => one.data?.user_id === 'user-7').length,
      );
    });
  },
  undefined,
  { variants: ['pg-native', 'mysql-mariadb-driver'] },
);
