import { knexSchemaSessionStore } from '@kss/core/takeover';
import { backfill, KnexSessionStore, KoaSessionStore } from '@kss/koa';
import { describeDatabases } from '@kss/test-kit';
import { KnexSchemaSessionStore } from 'knex-schema-session-store';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { App } from './express-app.js';
import { koaApp } from './koa-app.js';

const TABLE = 'kss_takeover_knex_schema';
const HOUR = 3_600_000;
const OPTIONS = {
  table_name: TABLE,
  timestamps: true,
  schemas: [
    { name: 'user_id', type: 'string', args: [100] },
    { name: 'visits', type: 'integer' },
  ],
} as const;

describeDatabases(
  'knex-schema-session-store 0.6',
  ({ name }, knex) => {
    let core: ReturnType<typeof ourStore>;
    let theirs: KnexSchemaSessionStore;
    let old: App;
    let ours: App;
    const ourStore = () => new KnexSessionStore(...knexSchemaSessionStore(knex(), OPTIONS));

    beforeAll(async () => {
      await knex().schema.dropTableIfExists(TABLE);
      theirs = new KnexSchemaSessionStore(knex(), OPTIONS);
      await theirs.wait_for_sync();
      core = ourStore();
      await core.waitForSync();
      old = await koaApp(theirs, HOUR);
      ours = await koaApp(new KoaSessionStore(core), HOUR);
    });
    beforeEach(() => knex()(TABLE).delete());
    afterAll(async () => {
      await old?.close();
      await ours?.close();
      await core?.close();
      await knex().schema.dropTableIfExists(TABLE);
    });

    describe.each([
      ['from it to ours', () => [old, ours] as const],
      ['from ours to it', () => [ours, old] as const],
    ])('%s', (_title, apps) => {
      it('sessions are read, changed, touched and ended by the same cookie', async () => {
        const [from, to] = apps();
        const { cookie } = await from.request('/login/ada');
        expect((await to.request('/me', cookie)).session).toMatchObject({
          user_id: 'ada',
          seen: { pages: ['/'], ünïcode: '✓' },
        });
        await to.request('/set/theme/dark', cookie);
        expect((await from.request('/me', cookie)).session).toMatchObject({ user_id: 'ada', theme: 'dark' });
        expect(await core.find({ user_id: 'ada' })).toHaveLength(1);
        await knex()(TABLE).update({ expire_at: Date.now() + HOUR / 4 });
        await to.request('/me', cookie);
        const [row] = await core.find('all');
        expect(row?.expiresAt.getTime()).toBeGreaterThan(Date.now() + HOUR - 10_000);
        await to.request('/logout', cookie);
        expect((await from.request('/me', cookie)).session).not.toHaveProperty('user_id');
      });
    });

    it('an expiry is the same to the millisecond', async () => {
      await theirs.set('theirs', { user_id: 'ada' }, HOUR);
      const from = Date.now();
      await core.set('ours', { user_id: 'ada' }, HOUR);
      const [a, b] = await core.find('all', { orderBy: { column: 'expiresAt', direction: 'asc' } });
      expect(a?.expiresAt.getTime()).toBeLessThanOrEqual(from + HOUR);
      expect(b?.expiresAt.getTime()).toBeGreaterThanOrEqual(from + HOUR);
      const rows = await knex()(TABLE).select('sid', 'expire_at');
      for (const row of rows as { sid: string; expire_at: number | string }[]) {
        const known = row.sid === 'theirs' ? a : b;
        expect(Number(row.expire_at)).toBe(known?.expiresAt.getTime());
      }
    });

    it('a row without text, which it reads, is read and replaced', async () => {
      await knex()(TABLE).insert({ sid: 'bare', additional: null, expire_at: Date.now() + HOUR, user_id: 'ada' });
      const loaded = await core.load('bare');
      expect(loaded?.session).toEqual({ user_id: 'ada' });
      if (loaded === null) throw new Error('It was not found.');
      expect(await core.update('bare', { user_id: 'ada', visits: 2 }, { revision: loaded.revision })).not.toBeNull();
      expect(await theirs.get('bare')).toMatchObject({ user_id: 'ada', visits: 2 });
    });

    it('its floats are read and kept, once they are doubles', async () => {
      const table = `${TABLE}_float`;
      const theirOptions = { table_name: table, schemas: [{ name: 'score', type: 'float' }] } as const;
      await knex().schema.dropTableIfExists(table);
      const before = new KnexSchemaSessionStore(knex(), theirOptions);
      await before.wait_for_sync();
      await before.set('ada', { score: 1.5 }, HOUR);
      const refused = () => new KnexSessionStore(...knexSchemaSessionStore(knex(), theirOptions));
      expect(refused).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
      if (name !== 'sqlite') await knex().schema.alterTable(table, (made) => void made.double('score').alter());
      const after = new KnexSessionStore(
        ...knexSchemaSessionStore(knex(), { table_name: table, schemas: [{ name: 'score', type: 'double' }] }),
      );
      expect(await after.get('ada')).toEqual({ score: 1.5 });
      expect(await backfill(after)).toMatchObject({ filled: 0, failed: 0 });
      const loaded = await after.load('ada');
      await after.update('ada', { ...loaded?.session, n: 1 }, { revision: loaded?.revision });
      expect(await before.get('ada')).toMatchObject({ score: 1.5, n: 1 });
      await after.close();
      await knex().schema.dropTable(table);
    });

    describe('its columns, under any of the names that knex has for their types,', () => {
      const table = `${TABLE}_spellings`;
      afterEach(() => knex().schema.dropTableIfExists(table));

      const theirStore = async (options: object) => {
        await knex().schema.dropTableIfExists(table);
        const before = new KnexSchemaSessionStore(knex(), options);
        await before.wait_for_sync();
        return before;
      };

      it('are read, searched and written', async () => {
        const theirOptions = {
          table_name: table,
          schemas: [
            { name: 'big', type: 'bigint' },
            { name: 'other_big', type: 'biginteger' },
            { name: 'fine', type: 'bool' },
            { name: 'level', type: 'enu', args: [['low', 'high']] },
            { name: 'code', type: 'varchar', args: [20] },
          ],
        } as const;
        const before = await theirStore(theirOptions);
        const session = { big: 2 ** 40, other_big: 7, fine: true, level: 'low', code: 'x', n: 1 };
        await before.set('ada', session, HOUR);
        const after = new KnexSessionStore(...knexSchemaSessionStore(knex(), theirOptions));
        expect(await after.get('ada')).toEqual(session);
        expect(await after.count({ big: 2 ** 40, level: 'low' })).toBe(1);
        const loaded = await after.load('ada');
        await after.update('ada', { ...loaded?.session, code: 'y', n: 2 }, { revision: loaded?.revision });
        expect(await before.get('ada')).toMatchObject({ level: 'low', code: 'y', n: 2 });
        await after.close();
      });

      // On MySQL and MariaDB instants of its own are refused.
      it.runIf(['sqlite', 'postgres'].includes(name))('are instants', async () => {
        const theirOptions = { table_name: table, schemas: [{ name: 'seen', type: 'dateTime' }] } as const;
        const before = await theirStore(theirOptions);
        const seen = new Date(1_700_000_000_000);
        await before.set('ada', { seen }, HOUR);
        const after = new KnexSessionStore(...knexSchemaSessionStore(knex(), theirOptions));
        expect(await after.get('ada')).toEqual({ seen });
        await after.close();
      });
    });

    it('its table is as it was', async () => {
      expect(await knex()(TABLE).columnInfo()).not.toHaveProperty('revision');
      await core.set('new', { user_id: 'ada' });
      expect(await knex()(TABLE).first()).toMatchObject({ created_at: null, updated_at: null });
    });
  },
  ['sqlite', 'postgres', 'mariadb', 'mysql'],
);
