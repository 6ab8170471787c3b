import { connectSessionKysely, koaGenericSessionKnex, sequelizeSessionStore } from '@kss/core/takeover';
import { ExpressSessionStore, KnexSessionStore } from '@kss/express';
import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, describe, expect, it } from 'vitest';
import { expressApp, sidOf } from './express-app.js';

const HOUR = 3_600_000;

/** A predecessor that no registry serves, in the words of its documentation. */
interface Documented {
  readonly title: string;
  readonly databases: readonly DatabaseName[];
  /** Makes its table. */
  make(knex: Knex, table: string, name: DatabaseName): Promise<unknown>;
  /** Writes a row as it would. */
  write(knex: Knex, table: string, sid: string, text: string, expireAt: number, name: DatabaseName): Promise<unknown>;
  /** Reads what it would read, with its own condition on the expiry. */
  read(knex: Knex, table: string, sid: string, now: number, name: DatabaseName): Promise<unknown>;
  takeOver(knex: Knex, table: string): readonly [Knex | undefined, object];
  /** Milliseconds to which it keeps an expiry. */
  readonly unit: number;
}

const utc = (at: number) => new Date(at).toISOString();

const DOCUMENTED: readonly Documented[] = [
  {
    title: 'koa-generic-session-knex 1',
    databases: ['sqlite', 'postgres', 'mariadb', 'mysql'],
    unit: 1000,
    make: (knex, table) =>
      knex.schema.createTable(table, (made) => {
        made.string('id', 100).primary();
        made.text('data');
        made.bigInteger('expires').index();
        made.timestamps();
      }),
    write: (knex, table, id, data, at) => knex(table).insert({ id, data, expires: Math.floor(at / 1000) }),
    read: (knex, table, id, now) =>
      knex(table)
        .where({ id })
        .where('expires', '>', Math.floor(now / 1000))
        .first('data as text'),
    takeOver: (knex, tableName) => koaGenericSessionKnex(knex, { tableName, timestamps: true }),
  },
  {
    title: 'connect-session-kysely 1, as documented',
    databases: ['sqlite', 'postgres'],
    unit: 1,
    make: (knex, table) =>
      knex.schema.createTable(table, (made) => {
        made.string('sid').primary();
        made.json('sess');
        made.timestamp('expired').notNullable();
      }),
    write: (knex, table, sid, sess, at) => knex(table).insert({ sid, sess, expired: utc(at) }),
    read: (knex, table, sid, now) => knex(table).where({ sid }).where('expired', '>=', utc(now)).first('sess as text'),
    takeOver: (knex, tableName) => connectSessionKysely(knex, { tableName, dbType: 'postgresql' }),
  },
  {
    title: 'connect-session-kysely 1, as its createTable made it',
    databases: ['postgres'],
    unit: 1,
    make: (knex, table) =>
      knex.schema.createTable(table, (made) => {
        made.string('sid').primary();
        made.jsonb('sess');
        made.specificType('expired', 'timestamp').notNullable();
      }),
    // As its touch does, and as it compares: the zone of the text is not looked at.
    write: (knex, table, sid, sess, at) => knex(table).insert({ sid, sess, expired: utc(at) }),
    read: (knex, table, sid, now) => knex(table).where({ sid }).where('expired', '>=', utc(now)).first('sess as text'),
    takeOver: (knex, tableName) => connectSessionKysely(knex, { tableName, expired: 'timestamp' }),
  },
  {
    title: 'sequelize-session-store 0.1, as it was meant',
    databases: ['postgres', 'mariadb', 'mysql'],
    unit: 1,
    make: (knex, table, name) =>
      knex.schema.createTable(table, (made) => {
        made.string('sid').primary();
        made.text('sess').notNullable();
        made.specificType('expire', name === 'postgres' ? 'timestamptz' : 'datetime(6)').notNullable();
      }),
    write: (knex, table, sid, sess, at, name) =>
      knex(table).insert({ sid, sess, expire: name === 'postgres' ? utc(at) : utc(at).slice(0, -1).replace('T', ' ') }),
    read: (knex, table, sid, now, name) =>
      knex(table)
        .where({ sid })
        .where('expire', '>', name === 'postgres' ? utc(now) : utc(now).slice(0, -1).replace('T', ' '))
        .first('sess as text'),
    takeOver: (knex, tableName) => sequelizeSessionStore(knex, { model: { tableName } }),
  },
];

describe.each(DOCUMENTED)('$title', ({ title, databases, unit, make, write, read, takeOver }) => {
  const table = `kss_takeover_doc_${title.replace(/\W+/g, '_').slice(0, 40)}`;

  describeDatabases(
    'its rows',
    ({ name }, knex) => {
      let core: KnexSessionStore;
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
          await write(knex(), table, sid, JSON.stringify({ ...session, from: 'there' }), at, name);
          const [info] = await core.find('all');
          expect(at - (info?.expiresAt.getTime() ?? 0)).toBeGreaterThanOrEqual(0);
          expect(at - (info?.expiresAt.getTime() ?? 0)).toBeLessThan(unit);
          expect((await app.request('/me', cookie)).session).toMatchObject({ user_id: 'ada', from: 'there' });
          await app.request('/set/theme/dark', cookie);
          const found = (await read(knex(), table, sid, Date.now() + HOUR - 10_000, name)) as
            | { text: unknown }
            | undefined;
          const json = typeof found?.text === 'string' ? (JSON.parse(found.text) as unknown) : found?.text;
          expect(json).toMatchObject({ user_id: 'ada', theme: 'dark', seen: session.seen });
          expect(await read(knex(), table, sid, Date.now() + HOUR + 10_000, name)).toBeUndefined();
          await app.request('/logout', cookie);
          expect(await read(knex(), table, sid, Date.now(), name)).toBeUndefined();
        } finally {
          await app.close();
        }
      });

      it('are 10000, and none is lost', { timeout: 120_000 }, async () => {
        await open();
        const at = Date.now() + HOUR;
        for (let from = 0; from < 10_000; from += 50) {
          const some = Array.from({ length: 50 }, (_, i) => from + i);
          await Promise.all(
            some.map((n) => write(knex(), table, `sid-${n}`, JSON.stringify({ user_id: `user ${n}`, n }), at, name)),
          );
        }
        expect(await core.count('all')).toBe(10_000);
        const found = await Promise.all(Array.from({ length: 10_000 }, (_, i) => core.get(`sid-${i}`)));
        expect(found.filter((session, i) => session?.n === i && session.user_id === `user ${i}`)).toHaveLength(10_000);
        const infos = await core.find('all', { limit: Number.POSITIVE_INFINITY });
        expect(
          infos.filter(({ expiresAt }) => expiresAt.getTime() > at - unit && expiresAt.getTime() <= at),
        ).toHaveLength(10_000);
      });
    },
    databases,
  );
});
