import * as takeover from '@kss/core/takeover';
import { KnexSessionStore } from '@kss/express';
import { describeDatabases } from '@kss/test-kit';
import { KnexSchemaSessionStore } from 'knex-schema-session-store';
import { describe, expect, it } from 'vitest';
import { storeOf } from './call.js';
import { PREDECESSORS } from './predecessors.js';

const HOUR = 3_600_000;
const TABLE = 'kss_takeover_inspect';

describe.each(PREDECESSORS)('the table of $title', ({ title, databases, open }) => {
  const table = `${TABLE}_${title.replace(/\W+/g, '_')}`;

  describeDatabases(
    'is known',
    ({ name }, knex) => {
      it('with its sessions, and the call that is written down opens it', async () => {
        await knex().schema.dropTableIfExists(table);
        const { store, close } = await open(name, knex(), table);
        try {
          const put = (sid: string, maxAge: number) =>
            new Promise<void>((resolve, reject) => {
              const cookie = { originalMaxAge: maxAge, maxAge, expires: new Date(Date.now() + maxAge) };
              store.set(sid, { cookie, user_id: sid } as never, (error) => (error ? reject(error) : resolve()));
            });
          await put('ada', HOUR);
          await put('bob', HOUR);
          await put('gone', -HOUR);
          // Version 4 of connect-session-knex says that it is ready before its index is there.
          const storeName = () => takeover.inspectSessionTable(knex(), table).then((one) => one?.store);
          await expect.poll(storeName, { timeout: 5000 }).toBe(title.replace(/ \d+$/, ''));
          const found = await takeover.inspectSessionTable(knex(), table);
          expect(found).toEqual({
            store: title.replace(/ \d+$/, ''),
            live: 2,
            call: expect.stringContaining(table),
            columns: [],
          });
          const ours = storeOf(found.call ?? '', knex());
          expect(await ours.get('ada')).toMatchObject({ user_id: 'ada' });
          await ours.close();
        } finally {
          await close();
          await knex().schema.dropTableIfExists(table);
        }
      });
    },
    databases,
  );
});

describeDatabases(
  'inspectSessionTable',
  ({ name }, knex) => {
    it('knows a table of ours, and one of knex-schema-session-store with its columns', async () => {
      const [ours, schema] = [`${TABLE}_ours_${name}`, `${TABLE}_kss_${name}`];
      for (const table of [ours, schema]) await knex().schema.dropTableIfExists(table);
      const store = new KnexSessionStore(knex(), { tableName: ours, sidName: 'id', gcInterval: 0 });
      await store.set('ada', {});
      await store.close();
      expect(await takeover.inspectSessionTable(knex(), ours)).toEqual({
        ...{ store: '@kss/core', live: 1, columns: [] },
        call: `new KnexSessionStore(knex, { tableName: '${ours}', sidName: 'id' })`,
      });
      const old = new KnexSchemaSessionStore(knex(), {
        table_name: schema,
        schemas: [{ name: 'user_id', type: 'string' }],
      });
      await old.wait_for_sync();
      await old.set('ada', { user_id: 'ada' }, HOUR);
      expect(await takeover.inspectSessionTable(knex(), schema)).toEqual({
        ...{ store: 'knex-schema-session-store', live: 1, columns: ['user_id'] },
        call: `new KnexSessionStore(...knexSchemaSessionStore(knex, { table_name: '${schema}' }))`,
      });
      for (const table of [ours, schema]) await knex().schema.dropTableIfExists(table);
    });

    it('says what is like none, and that there is none', async () => {
      const table = `${TABLE}_other_${name}`;
      await knex().schema.dropTableIfExists(table);
      await expect(takeover.inspectSessionTable(knex(), table)).rejects.toMatchObject({ code: 'TABLE_MISMATCH' });
      await knex().schema.createTable(table, (made) => void made.string('sid').primary());
      expect(await takeover.inspectSessionTable(knex(), table)).toEqual({
        ...{ store: undefined, live: undefined, call: undefined, columns: ['sid'] },
      });
      await knex().schema.dropTable(table);
    });

    it.runIf(name === 'postgres')('tells the two tables of connect-session-kysely, and names a schema', async () => {
      const table = `${TABLE}_kysely`;
      await knex().raw('create schema if not exists kss_takeover_schema');
      await knex().raw(`drop table if exists kss_takeover_schema.${table}`);
      await knex().raw(
        `create table kss_takeover_schema.${table} (sid varchar(255) primary key, sess jsonb, expired timestamp not null)`,
      );
      const found = await takeover.inspectSessionTable(knex(), table, 'kss_takeover_schema');
      expect(found).toMatchObject({
        store: 'connect-session-kysely',
        call: `new KnexSessionStore(...connectSessionKysely(knex, { tableName: '${table}', expired: 'timestamp' }, { schemaName: 'kss_takeover_schema' }))`,
      });
      const ours = storeOf(found.call ?? '', knex());
      await ours.set('ada', { cookie: {} });
      expect(await ours.get('ada')).toEqual({ cookie: {} });
      await ours.close();
      await knex().raw('drop schema kss_takeover_schema cascade');
    });
  },
  ['sqlite', 'postgres', 'mariadb', 'mysql'],
);
