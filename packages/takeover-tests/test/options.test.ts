import { connectPgSimple, connectSessionKnex, expressMysqlSession, knexSchemaSessionStore } from '@kss/core/takeover';
import { KnexSessionStore } from '@kss/express';
import { describeDatabases } from '@kss/test-kit';
import pgSimple from 'connect-pg-simple';
import { ConnectSessionKnexStore } from 'connect-session-knex';
import connectSessionKnex4 from 'connect-session-knex-4';
import mysqlSession3 from 'express-mysql-session';
import mysqlSession2 from 'express-mysql-session-2';
import session, { type Store } from 'express-session';
import { KnexSchemaSessionStore } from 'knex-schema-session-store';
import { createPool } from 'mysql2/promise';
import { expect, it, vi } from 'vitest';
import { mysqlOptions, postgresPool, tableOfPgSimple } from './predecessors.js';

// Whatever the real packages make of an option, ours makes of it.
const TABLE = 'kss_takeover_options';
const BROWSER = { cookie: { originalMaxAge: null, expires: null }, user_id: 'ada' };
const DAY = 86_400_000;

const put = (store: Store, sid: string) =>
  new Promise<void>((resolve, reject) =>
    store.set(sid, BROWSER as never, (error: unknown) => (error ? reject(error) : resolve())),
  );
const isThere = (store: Store, sid: string) =>
  new Promise<boolean>((resolve, reject) =>
    store.get(sid, (error, found) => (error ? reject(error) : resolve((found ?? null) !== null))),
  );
const intervalOf = (timer: unknown) => (timer as { readonly _idleTimeout?: number } | undefined)?._idleTimeout;

describeDatabases(
  'both intervals of connect-session-knex',
  (_, knex) => {
    const tablename = `${TABLE}_intervals`;
    const both = { cleanupInterval: 111_000, clearInterval: 222_000, disableDbCleanup: true };

    it('are those of the version that brought them, and ours takes the newer', async () => {
      await knex().schema.dropTableIfExists(tablename);
      const five = new ConnectSessionKnexStore({ knex: knex() as never, tableName: tablename, ...both } as object);
      await vi.waitFor(() => expect(intervalOf(five.nextDbCleanup)).toBe(111_000));
      clearTimeout(five.nextDbCleanup);
      const four = new (connectSessionKnex4(session))({ knex: knex(), tablename, ...both, disableDbCleanup: false });
      const { getNextDbCleanup } = four as unknown as { getNextDbCleanup(): NodeJS.Timeout | null };
      await vi.waitFor(() => expect(intervalOf(getNextDbCleanup())).toBe(222_000));
      clearTimeout(getNextDbCleanup() ?? undefined);
      expect(connectSessionKnex({ knex: knex(), ...both })[1]).toMatchObject({ gcInterval: 111_000 });
      const { cleanupInterval: _, ...older } = { ...both, disableDbCleanup: false };
      expect(connectSessionKnex({ knex: knex(), ...older })[1]).toMatchObject({ gcInterval: 222_000 });
      await knex().schema.dropTableIfExists(tablename);
    });
  },
  ['sqlite'],
);

describeDatabases(
  'max_age: 0 of knex-schema-session-store',
  (_, knex) => {
    it('is for what is saved without a lifetime, which is over at once; ours has no more of it', async () => {
      const options = { table_name: `${TABLE}_max_age`, max_age: 0 };
      await knex().schema.dropTableIfExists(options.table_name);
      const theirs = new KnexSchemaSessionStore(knex(), options);
      await theirs.wait_for_sync();
      const ours = new KnexSessionStore(...knexSchemaSessionStore(knex(), options));
      for (const store of [theirs, ours]) {
        await store.set('over', { user_id: 'ada' });
        await store.set('lives', { user_id: 'ada' }, DAY);
        await new Promise((resolve) => setTimeout(resolve, 2));
        expect(await store.get('over')).toBeNull();
        expect(await store.get('lives')).toEqual({ user_id: 'ada' });
      }
      await ours.close();
      await knex().schema.dropTableIfExists(options.table_name);
    });
  },
  ['sqlite', 'postgres', 'mariadb', 'mysql'],
);

describeDatabases(
  'expiration: 0 of express-mysql-session',
  ({ name }, knex) => {
    it('is for browser sessions, which are over within the second; ours are, too', async () => {
      const options = { expiration: 0, clearExpired: false, schema: { tableName: `${TABLE}_expiration` } };
      await knex().schema.dropTableIfExists(options.schema.tableName);
      const pool = createPool(mysqlOptions(name));
      const three = new (mysqlSession3(session))(options, pool);
      await three.onReady();
      const two = await new Promise<Store>((resolve, reject) => {
        const made: Store = new (mysqlSession2(session))(options, pool, (error) =>
          error ? reject(error) : resolve(made),
        );
      });
      const ours = new KnexSessionStore(...expressMysqlSession(knex(), options));
      await put(three, 'three');
      await put(two, 'two');
      await ours.set('ours', BROWSER);
      await new Promise((resolve) => setTimeout(resolve, 1100));
      expect(await isThere(three, 'three')).toBe(false);
      expect(await isThere(two, 'two')).toBe(false);
      expect(await ours.get('ours')).toBeNull();
      await ours.close();
      await pool.end();
      await knex().schema.dropTableIfExists(options.schema.tableName);
    });
  },
  ['mariadb', 'mysql'],
);

describeDatabases(
  'ttl: 0 of connect-pg-simple',
  (_, knex) => {
    it('is a day, and ours makes it one', async () => {
      const tableName = `${TABLE}_ttl`;
      await knex().schema.dropTableIfExists(tableName);
      await knex().raw(tableOfPgSimple(tableName));
      const pool = postgresPool();
      const theirs = new (pgSimple(session))({ pool, tableName, ttl: 0, pruneSessionInterval: false });
      const ours = new KnexSessionStore(...connectPgSimple(knex(), { tableName, ttl: 0, pruneSessionInterval: false }));
      await put(theirs, 'theirs');
      await ours.set('ours', BROWSER);
      const ends = (await ours.find('all')).map(({ expiresAt }) => expiresAt.getTime() - Date.now() - DAY);
      expect(ends).toHaveLength(2);
      for (const end of ends) expect(Math.abs(end)).toBeLessThan(5000);
      await theirs.close();
      await ours.close();
      await pool.end();
      await knex().schema.dropTableIfExists(tableName);
    });
  },
  ['postgres'],
);
