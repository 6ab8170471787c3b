import { describeDatabases } from '@kss/test-kit';
import { afterEach, expect, it } from 'vitest';
import { KnexSessionStore, verifySessionTable } from '../src/index.js';
import {
  connectPgSimple,
  connectSessionKysely,
  expressMysqlSession,
  inspectSessionTable,
  knexSchemaSessionStore,
  sequelizeSessionStore,
} from '../src/takeover/index.js';

const TABLE = 'kss_test_foreign_refusals';
const HOUR = 3_600_000;

describeDatabases(
  'the table of another store',
  ({ name }, knex) => {
    afterEach(() => knex().schema.dropTableIfExists(TABLE));

    const isMysql = /mariadb|mysql/.test(name);
    const isPostgres = /postgres|pglite/.test(name);

    it.runIf(isPostgres)('whose instants lack their zone is not read as one that has it', async () => {
      await knex().schema.createTable(TABLE, (made) => {
        made.string('sid').primary();
        made.jsonb('sess');
        made.specificType('expired', 'timestamp').notNullable().index();
      });
      const at = Date.now() + HOUR;
      await knex()(TABLE).insert({ sid: 'ada', sess: '{"user_id":"ada"}', expired: new Date(at).toISOString() });
      const wrong = connectSessionKysely(knex(), { tableName: TABLE, cleanupInterval: 0 });
      const store = new KnexSessionStore(...wrong);
      const refused = store.get('ada');
      await expect(refused).rejects.toMatchObject({ code: 'TABLE_MISMATCH' });
      await expect(refused).rejects.toThrow(/expired: 'timestamp'[\s\S]*at time zone 'UTC'/);
      await store.close();
      const right = new KnexSessionStore(
        ...connectSessionKysely(knex(), { tableName: TABLE, cleanupInterval: 0, expired: 'timestamp' }),
      );
      expect(await right.gc()).toBe(0);
      expect((await right.find('all')).map(({ expiresAt }) => expiresAt.getTime())).toEqual([at]);
      await right.close();
      const problems = await verifySessionTable(knex(), wrong[1]);
      for (const { sql } of problems) for (const statement of sql) await knex().raw(statement);
      const altered = new KnexSessionStore(...wrong);
      expect((await altered.find('all')).map(({ expiresAt }) => expiresAt.getTime())).toEqual([at]);
      await altered.close();
    });

    it('is not said to be of a store that knows no such database', async () => {
      if (!isPostgres) {
        await knex().schema.createTable(TABLE, (made) => {
          made.string('sid').primary();
          made.json('sess').notNullable();
          made.datetime('expire').notNullable();
        });
        expect(await inspectSessionTable(knex(), TABLE)).not.toMatchObject({ store: 'connect-pg-simple' });
        await knex().schema.dropTable(TABLE);
      }
      await knex().schema.createTable(TABLE, (made) => {
        made.string('session_id', 128).primary();
        made.integer('expires').notNullable();
        made.text('data');
      });
      const found = await inspectSessionTable(knex(), TABLE);
      if (!isMysql) expect(found).toMatchObject({ store: undefined, call: undefined });
      const wrong = isMysql ? connectPgSimple(knex()) : expressMysqlSession(knex());
      expect(() => new KnexSessionStore(...wrong)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    });

    it.runIf(isMysql || isPostgres)('has no instants of its own that depend on the zone of Node', () => {
      const args = isMysql ? [] : [{ useTz: false }];
      for (const type of ['datetime', 'timestamp'] as const) {
        const options = { table_name: TABLE, sync: false, schemas: [{ name: 'seen', type, args }] };
        expect(() => new KnexSessionStore(...knexSchemaSessionStore(knex(), options, { gcInterval: 0 }))).toThrow(
          expect.objectContaining({
            code: 'INVALID_OPTION',
            message: expect.stringMatching(/zone into the column 'seen'.*bigInteger/),
          }),
        );
      }
    });

    it.runIf(isMysql || isPostgres)('has instants that ours derives', async () => {
      const store = new KnexSessionStore(
        ...knexSchemaSessionStore(
          knex(),
          { table_name: TABLE, schemas: [{ name: 'seen_at', type: 'datetime', from: 'seen' }] },
          { gcInterval: 0 },
        ),
      );
      const seen = new Date(1_700_000_000_123);
      await store.set('ada', { seen: seen.toISOString() });
      expect((await store.find('all'))[0]?.columns).toEqual({ seen_at: seen });
      await store.close();
    });

    it.runIf(name === 'sqlite')('whose instants are no ISO texts is refused', async () => {
      expect(() => new KnexSessionStore(...sequelizeSessionStore(knex(), {}, { sync: false, gcInterval: 0 }))).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringMatching(/sequelize-session-store/) }),
      );
      await knex().schema.createTable(TABLE, (made) => {
        made.string('sid').primary();
        made.text('sess');
        made.datetime('expire').notNullable();
      });
      expect(await inspectSessionTable(knex(), TABLE)).not.toMatchObject({ store: 'sequelize-session-store' });
    });
  },
  ['sqlite', 'pglite', 'postgres', 'mariadb', 'mysql'],
);
