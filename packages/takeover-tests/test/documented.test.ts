import { connectSessionKysely, koaGenericSessionKnex, sequelizeSessionStore } from '@kss/core/takeover';
import { ExpressSessionStore, KnexSessionStore } from '@kss/express';
import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, describe, expect, it } from 'vitest';
import { type EndColumn, endsIn, greatest, handleOf, inLanes, note } from './carried.js';
import { expressApp, sidOf } from './express-app.js';

const HOUR = 3_600_000;
const MANY = 10_000;

/** A predecessor that no registry serves, in the words of its documentation. */
interface Documented {
  readonly title: string;
  readonly databases: readonly DatabaseName[];
  /** Makes its table. */
  make(knex: Knex, table: string, name: DatabaseName): Promise<unknown>;
  /** A row as it would write it. */
  row(sid: string, text: string, expireAt: number, name: DatabaseName): object;
  /** What it would read: all rows that fulfil its own condition on the expiry. */
  live(knex: Knex, table: string, now: number, name: DatabaseName): Knex.QueryBuilder;
  readonly sid: string;
  readonly text: string;
  readonly expiry: string;
  readonly as: EndColumn;
  takeOver(knex: Knex, table: string): readonly [Knex | undefined, object];
  /** Milliseconds to which it keeps an expiry. */
  readonly unit: number;
  /** Milliseconds that a session lives on in ours at the most, after it is over there. */
  readonly lateness?: Readonly<Partial<Record<DatabaseName, number>>>;
}

const utc = (at: number) => new Date(at).toISOString();
const wallClock = (at: number) => utc(at).slice(0, -1).replace('T', ' ');

const DOCUMENTED: readonly Documented[] = [
  {
    title: 'koa-generic-session-knex 1',
    databases: ['sqlite', 'postgres', 'mariadb', 'mysql'],
    unit: 1000,
    ...{ sid: 'id', text: 'data', expiry: 'expires', as: 'seconds' },
    make: (knex, table) =>
      knex.schema.createTable(table, (made) => {
        made.string('id', 100).primary();
        made.text('data');
        made.bigInteger('expires').index();
        made.timestamps();
      }),
    row: (id, data, at) => ({ id, data, expires: Math.floor(at / 1000) }),
    live: (knex, table, now) => knex(table).where('expires', '>', Math.floor(now / 1000)),
    takeOver: (knex, tableName) => koaGenericSessionKnex(knex, { tableName, timestamps: true }),
  },
  {
    title: 'connect-session-kysely 1, as documented',
    databases: ['sqlite', 'postgres'],
    unit: 1,
    ...{ sid: 'sid', text: 'sess', expiry: 'expired', as: 'instant' },
    make: (knex, table) =>
      knex.schema.createTable(table, (made) => {
        made.string('sid').primary();
        made.json('sess');
        made.timestamp('expired').notNullable();
      }),
    row: (sid, sess, at) => ({ sid, sess, expired: utc(at) }),
    live: (knex, table, now) => knex(table).where('expired', '>=', utc(now)),
    takeOver: (knex, tableName) => connectSessionKysely(knex, { tableName, dbType: 'postgresql' }),
  },
  {
    title: 'connect-session-kysely 1, as its createTable made it',
    databases: ['postgres'],
    unit: 1,
    ...{ sid: 'sid', text: 'sess', expiry: 'expired', as: 'utc' },
    make: (knex, table) =>
      knex.schema.createTable(table, (made) => {
        made.string('sid').primary();
        made.jsonb('sess');
        made.specificType('expired', 'timestamp').notNullable();
      }),
    // As its touch does, and as it compares: the zone of the text is not looked at.
    row: (sid, sess, at) => ({ sid, sess, expired: utc(at) }),
    live: (knex, table, now) => knex(table).where('expired', '>=', utc(now)),
    takeOver: (knex, tableName) => connectSessionKysely(knex, { tableName, expired: 'timestamp' }),
  },
  {
    title: 'sequelize-session-store 0.1, as it was meant',
    databases: ['postgres', 'mariadb', 'mysql'],
    unit: 1,
    ...{ sid: 'sid', text: 'sess', expiry: 'expire', as: 'instant' },
    make: (knex, table, name) =>
      knex.schema.createTable(table, (made) => {
        made.string('sid').primary();
        made.text('sess').notNullable();
        made.specificType('expire', name === 'postgres' ? 'timestamptz' : 'datetime(6)').notNullable();
      }),
    row: (sid, sess, at, name) => ({ sid, sess, expire: name === 'postgres' ? utc(at) : wallClock(at) }),
    live: (knex, table, now, name) =>
      knex(table).where('expire', '>=', name === 'postgres' ? utc(now) : wallClock(now)),
    takeOver: (knex, tableName) => sequelizeSessionStore(knex, { model: { tableName } }),
  },
];

describe.each(DOCUMENTED)(
  '$title',
  ({ title, databases, unit, lateness = {}, make, row, live, takeOver, ...columns }) => {
    const table = `kss_takeover_doc_${title.replace(/\W+/g, '_').slice(0, 40)}`;

    describeDatabases(
      'its rows',
      ({ name, label }, knex) => {
        let core: KnexSessionStore;
        const readAll = async (now: number) => {
          const rows = (await live(knex(), table, now, name).select({ sid: columns.sid, text: columns.text })) as Row[];
          return new Map(rows.map(({ sid, text }) => [sid, parsed(text)]));
        };
        const open = async () => {
          await knex().schema.dropTableIfExists(table);
          await make(knex(), table, name);
          core = new KnexSessionStore(...takeOver(knex(), table));
          await core.waitForSync();
          return core;
        };
        afterEach(async () => {
          await core.close();
          await knex().schema.dropTableIfExists(table);
        });

        it('are read, changed, touched and ended, by the cookie of the browser', async () => {
          await open();
          const app = await expressApp(new ExpressSessionStore(core), HOUR);
          try {
            const { cookie, session } = await app.request('/login/ada');
            const sid = sidOf(cookie);
            await core.destroy(sid);
            const at = Date.now() + HOUR / 2;
            await knex()(table).insert(row(sid, JSON.stringify({ ...session, from: 'there' }), at, name));
            const [info] = await core.find('all');
            expect(at - (info?.expiresAt.getTime() ?? 0)).toBeGreaterThanOrEqual(0);
            expect(at - (info?.expiresAt.getTime() ?? 0)).toBeLessThan(unit);
            expect((await app.request('/me', cookie)).session).toMatchObject({ user_id: 'ada', from: 'there' });
            await app.request('/set/theme/dark', cookie);
            const found = await readAll(Date.now() + HOUR - 10_000);
            expect(found.get(sid)).toMatchObject({ user_id: 'ada', theme: 'dark', seen: session.seen });
            expect([...(await readAll(Date.now() + HOUR + 10_000)).keys()]).toEqual([]);
            await app.request('/logout', cookie);
            expect([...(await readAll(Date.now())).keys()]).toEqual([]);
          } finally {
            await app.close();
          }
        });

        it('live as long in ours as there, to the last', async () => {
          await open();
          const at = Date.now() + 1500;
          await knex()(table).insert(row('ada', '{"user_id":"ada"}', at, name));
          const there = async () => (await readAll(Date.now())).has('ada');
          let [before, mine] = [true, true];
          while (before || mine) {
            before = await there();
            const from = Date.now();
            mine = (await core.get('ada')) !== null;
            const after = await there();
            if (after) expect(mine).toBe(true);
            if (mine && !before) expect(from - at).toBeLessThan(lateness[name] ?? 0);
            if (from > at + 5000) throw new Error('It never ends.');
          }
          expect(await core.count('all')).toBe(0);
        });

        it('are 10000, and none is lost, there and back', { timeout: 120_000 }, async ({ task }) => {
          await open();
          const from = Date.now() + HOUR;
          const sids = Array.from({ length: MANY }, (_, n) => `sid-${n}`);
          const rows = sids.map((sid, n) => row(sid, JSON.stringify({ user_id: `user ${n}`, n }), from + n, name));
          await knex().batchInsert(table, rows, 250);
          expect(await core.count('all')).toBe(MANY);
          const read = await Promise.all(sids.map((sid) => core.load(sid)));
          const toOurs = read.filter((loaded, n) => loaded?.session.n === n && loaded.session.user_id === `user ${n}`);
          const ends = () => endsIn(knex(), name, table, { sid: columns.sid, expiry: columns.expiry, as: columns.as });
          const before = await ends();
          const infos = await core.find('all', { limit: Number.POSITIVE_INFINITY });
          const told = new Map(infos.map(({ handle, expiresAt }) => [handle, expiresAt.getTime()]));
          const end = (sid: string) => before.get(sid) ?? Number.NaN;
          const endRead = greatest(sids.map((sid) => Math.abs(end(sid) - (told.get(handleOf(sid)) ?? Number.NaN))));
          expect(sids.every((sid, n) => end(sid) > from + n - unit && end(sid) <= from + n)).toBe(true);

          // Saved by ours, half of them as new sessions, with an end that is said; and read by its rule.
          const at = (n: number) => from + HOUR + n;
          await inLanes(MANY, async (n) => {
            const { session, revision } = read[n] ?? {};
            const saved = { ...session, saved: true, cookie: { expires: new Date(at(n)).toISOString() } };
            const sid = n % 2 === 0 ? (sids[n] ?? '') : `new-${n}`;
            await (n % 2 === 0 ? core.update(sid, saved, { revision }) : core.set(sid, saved));
          });
          const savedSids = sids.map((sid, n) => (n % 2 === 0 ? sid : `new-${n}`));
          const after = await ends();
          // In whole units, rounded down.
          const endWritten = greatest(
            savedSids.map((sid, n) => Math.abs((after.get(sid) ?? Number.NaN) - Math.floor(at(n) / unit) * unit)),
          );
          const known = await readAll(from + HOUR - 1000);
          const back = savedSids.filter((sid, n) => {
            const session = known.get(sid);
            return session?.n === n && session.user_id === `user ${n}` && session.saved === true;
          });
          note(task, {
            ...{ predecessor: title.replace(/ [\d.]+/, ''), version: `${/ ([\d.]+)/.exec(title)?.[1]}, documented` },
            ...{ database: label, sessions: MANY, toOurs: toOurs.length, back: back.length, endRead, endWritten },
          });
          expect({ toOurs: toOurs.length, back: back.length }).toEqual({ toOurs: MANY, back: MANY });
          expect({ endRead, endWritten }).toEqual({ endRead: 0, endWritten: 0 });
          expect((await readAll(from + HOUR + MANY + unit)).size).toBe(0);
        });
      },
      databases,
    );
  },
);

interface Row {
  readonly sid: string;
  readonly text: unknown;
}

function parsed(text: unknown): Record<string, unknown> {
  return (typeof text === 'string' ? JSON.parse(text) : text) as Record<string, unknown>;
}
