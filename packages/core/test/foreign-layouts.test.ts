import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LAST_INSTANT } from '../src/expiry.js';
import {
  createSessionTable,
  encryption,
  KnexSessionStore,
  type StoreOptions,
  verifySessionTable,
} from '../src/index.js';
import { partsOf } from '../src/store.js';
import type { LayoutName } from '../src/types.js';
import { textOfRows } from './row-text.js';

const POSTGRES: readonly DatabaseName[] = ['pglite', 'postgres'];
const MYSQL: readonly DatabaseName[] = ['mariadb', 'mysql'];
const ALL: readonly DatabaseName[] = ['sqlite', ...POSTGRES, ...MYSQL];
const HOUR = 3_600_000;
const SCHEMAS = [
  { name: 'user_id', type: 'string', args: [100], index: true },
  { name: 'seen', type: 'datetime' },
  { name: 'seal', type: 'binary' },
] as const;

const LAYOUTS: readonly { layout: LayoutName; only: readonly DatabaseName[]; unit: number; latest: number }[] = [
  { layout: 'knex-schema-session-store', only: ALL, unit: 1, latest: 8.64e15 },
  { layout: 'connect-session-knex', only: ALL, unit: 1000, latest: Date.UTC(9999, 11, 31, 23, 59, 59) },
  { layout: 'koa-generic-session-knex', only: ALL, unit: 1000, latest: 8.64e15 },
  { layout: 'connect-session-kysely-utc', only: POSTGRES, unit: 1, latest: Date.UTC(9999, 11, 31, 23, 59, 59) },
  {
    layout: 'sequelize-session-store',
    only: [...POSTGRES, ...MYSQL],
    unit: 1000,
    latest: Date.UTC(9999, 11, 31, 23, 59, 59),
  },
  { layout: 'connect-pg-simple', only: POSTGRES, unit: 1000, latest: Date.UTC(9999, 11, 31, 23, 59, 59) },
  { layout: 'express-mysql-session', only: MYSQL, unit: 1000, latest: (2 ** 32 - 1) * 1000 },
];

describe.each(LAYOUTS)('a table in the form of $layout', ({ layout, only, unit, latest }) => {
  const tableName = `kss_test_foreign_${layout.replaceAll('-', '_')}`;

  describeDatabases(
    'that is ours',
    ({ name }, knex) => {
      // There its instants depend on the zone of Node, and are refused.
      const refusesInstants = layout === 'knex-schema-session-store' && MYSQL.includes(name);
      const schemas = (refusesInstants ? SCHEMAS.filter(({ type }) => type !== 'datetime') : SCHEMAS) as typeof SCHEMAS;
      const stores: KnexSessionStore<typeof SCHEMAS>[] = [];
      const store = (options: Omit<StoreOptions, 'schemas'> = {}) => {
        const made = new KnexSessionStore(knex(), { tableName, layout, schemas, gcInterval: 0, ...options });
        stores.push(made);
        return made;
      };

      beforeEach(async () => {
        await knex().schema.dropTableIfExists(tableName);
        await createSessionTable(knex(), { tableName, layout, schemas });
      });
      afterEach(async () => {
        for (const one of stores.splice(0)) await one.close();
        await knex().schema.dropTableIfExists(tableName);
      });

      it('fits', async () => {
        expect(await verifySessionTable(knex(), { tableName, layout, schemas })).toEqual([]);
      });

      it('gives back what went in, as whole and as split', async () => {
        const seen = new Date(1_700_000_000_123);
        const session = {
          user_id: 'ada',
          ...(!refusesInstants && { seen }),
          seal: Buffer.from([0, 255]),
          n: null,
          list: [{ b: 1, a: 2 }],
        };
        for (const split of [false, true]) {
          const sessions = store({ split });
          await sessions.set(`sid-${split}`, session);
          expect(await sessions.get(`sid-${split}`)).toStrictEqual(session);
          const loaded = await sessions.load(`sid-${split}`);
          expect(
            await sessions.update(`sid-${split}`, { ...loaded?.session, n: 1 }, { revision: loaded?.revision }),
          ).not.toBeNull();
          expect(await sessions.get(`sid-${split}`)).toStrictEqual({ ...session, n: 1 });
        }
        expect(await store().count({ user_id: 'ada' })).toBe(2);
        if (!refusesInstants) expect(await store().count({ seen })).toBe(2);
      });

      it('takes many at once: new ones, those that are there, and those that are over', async () => {
        const sessions = store();
        const sids = Array.from({ length: 60 }, (_, i) => `sid-${i}`);
        await Promise.all(
          sids.slice(0, 40).map((sid, i) => sessions.set(sid, { user_id: sid, i }, i < 10 ? -HOUR : HOUR)),
        );
        expect(await sessions.count('all')).toBe(30);
        await Promise.all(sids.map((sid, i) => sessions.set(sid, { user_id: sid, i, again: true }, HOUR)));
        const read = await Promise.all(sids.map((sid) => sessions.get(sid)));
        expect(read).toEqual(sids.map((sid, i) => ({ user_id: sid, i, again: true })));
        expect(await Promise.all(['none', ...sids].map((sid) => sessions.touch(sid, 2 * HOUR)))).toEqual([
          false,
          ...sids.map(() => true),
        ]);
        const loaded = await Promise.all(sids.map((sid) => sessions.load(sid)));
        const saved = await Promise.all(
          sids.map((sid, i) =>
            sessions.update(sid, { ...loaded[i]?.session, more: i }, { revision: loaded[i]?.revision }),
          ),
        );
        expect(saved.filter((revision) => revision !== null)).toHaveLength(60);
        const ends = (await sessions.find('all')).map(({ expiresAt }) => expiresAt.getTime() - Date.now());
        expect(Math.min(...ends)).toBeGreaterThan(23 * HOUR);
        await Promise.all(sids.map((sid) => sessions.destroy(sid)));
        expect(await knex()(tableName).select()).toEqual([]);
      });

      it('keeps an end to its precision, and the last that it can for one that is too far', async () => {
        const sessions = store();
        const from = Date.now();
        await sessions.set('near', {}, HOUR);
        await sessions.set('far', {}, Number.POSITIVE_INFINITY);
        const to = Date.now();
        const [far, near] = await sessions.find('all');
        expect(far?.expiresAt.getTime()).toBeGreaterThan(latest - 1000);
        expect(far?.expiresAt.getTime()).toBeLessThanOrEqual(latest);
        expect(near?.expiresAt.getTime()).toBeGreaterThan(from + HOUR - unit);
        expect(near?.expiresAt.getTime()).toBeLessThan(to + HOUR + unit);
        expect(await sessions.get('far')).toEqual({});
        expect(await sessions.touch('far', Number.POSITIVE_INFINITY)).toBe(true);
      });

      it('knows what it keeps of an end', async () => {
        const { place, batch } = partsOf(store());
        const second = Math.ceil(Date.now() / 1000) * 1000 + HOUR;
        const none = schemas.map(() => null);
        for (const expireAt of [0, 1, 499, 500, 501, 999].map((more) => second + more).concat(LAST_INSTANT)) {
          await batch.write('sid', { text: '{}', values: none, taken: none, expireAt });
          expect((await batch.read('sid'))?.expireAt).toBe(Math.min(place.forms.kept(expireAt), LAST_INSTANT));
        }
      });

      it('is touched by touchAfter, in the cookie, and collected', async () => {
        const sessions = store({ touchAfter: HOUR / 4 });
        await sessions.set('sid', { cookie: { originalMaxAge: HOUR, path: '/' }, n: 1 }, HOUR);
        const fresh = store({ touchAfter: HOUR / 4 });
        expect(await fresh.touch('sid', HOUR)).toBe(true);
        expect(await fresh.touch('sid', 4 * HOUR)).toBe(true);
        const [info] = await fresh.find('all');
        expect(info?.expiresAt.getTime()).toBeGreaterThan(Date.now() + 3 * HOUR);
        expect(await sessions.touch('sid', HOUR, { originalMaxAge: HOUR, path: '/x' })).toBe(true);
        expect(await sessions.get('sid')).toMatchObject({ cookie: { path: '/x' }, n: 1 });
        await sessions.set('over', {}, -HOUR);
        expect(await sessions.gc()).toBe(1);
        expect(await sessions.count('all')).toBe(1);
      });

      it('refuses a change that meets another, where it is told to, and overwrites where it is told that', async () => {
        const [careful, careless] = [store({ onConflict: 'reject' }), store({ onConflict: 'overwrite' })];
        await careful.set('sid', { n: 0 });
        const [mine, theirs] = [await careful.load('sid'), await careless.load('sid')];
        expect(await careful.update('sid', { n: 1 }, { revision: mine?.revision })).not.toBeNull();
        expect(await careless.update('sid', { m: 2 }, { revision: theirs?.revision })).not.toBeNull();
        expect(await careless.get('sid')).toEqual({ m: 2 });
        await expect(careful.update('sid', { n: 3 }, { revision: mine?.revision })).rejects.toMatchObject({
          code: 'CONFLICT',
        });
        await careful.destroy('sid');
        expect(await careful.update('sid', { n: 4 }, { revision: mine?.revision })).toBeNull();
        expect(await careless.update('sid', { n: 4 })).toBeNull();
        expect(await knex()(tableName).select()).toEqual([]);
      });

      it('keeps digests of sids, and secrets, once it is split', async () => {
        const plain = store();
        await plain.set('plain-sid', { user_id: 'ada' });
        const hashed = store({ split: true, hashSid: true });
        expect(await hashed.get('plain-sid')).toEqual({ user_id: 'ada' });
        expect(textOfRows(await knex()(tableName).select())).not.toContain('plain-sid');
        if (!/koa|mysql|knex-schema|sequelize/.test(layout)) return; // a column of JSON holds no other text
        const secret = store({ split: true, codec: encryption({ keys: [Buffer.alloc(32, 7)] }) });
        await secret.set('sealed', { user_id: 'ada', pin: 'zebra' });
        expect(textOfRows(await knex()(tableName).select())).not.toContain('zebra');
        const loaded = await secret.load('sealed');
        expect(
          await secret.update('sealed', { ...loaded?.session, n: 1 }, { revision: loaded?.revision }),
        ).not.toBeNull();
        expect(await secret.get('sealed')).toEqual({ user_id: 'ada', pin: 'zebra', n: 1 });
      });
    },
    only,
  );
});
