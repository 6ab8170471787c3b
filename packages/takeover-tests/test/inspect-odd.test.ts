import { inspectSessionTable } from '@kss/core/takeover';
import { KnexSessionStore } from '@kss/express';
import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, describe, expect, it } from 'vitest';
import { storeOf } from './call.js';

const TABLE = 'kss_takeover_odd';
const HOUR = 3_600_000;
const MYSQL: readonly DatabaseName[] = ['mariadb', 'mysql'];
const ALL: readonly DatabaseName[] = ['sqlite', 'postgres', ...MYSQL];

/** The table of a predecessor, a column at a time. */
interface Table {
  readonly store: string;
  readonly call: string;
  readonly databases: readonly DatabaseName[];
  readonly sid: string;
  readonly columns: Readonly<Record<string, (name: DatabaseName) => string>>;
  /** A live row. */
  readonly row: (sid: string, name: DatabaseName, knex: Knex) => object;
}

const soon = (name: DatabaseName) => {
  const iso = new Date(Date.now() + HOUR).toISOString();
  return MYSQL.includes(name) ? iso.slice(0, 19).replace('T', ' ') : iso;
};
const seconds = () => Math.round((Date.now() + HOUR) / 1000);
const text = '{"user_id":"ada"}';
const key = () => 'varchar(100) not null';

const TABLES: readonly Table[] = [
  {
    store: 'knex-schema-session-store',
    call: 'knexSchemaSessionStore',
    databases: ALL,
    sid: 'sid',
    columns: { sid: () => 'varchar(255) not null', additional: () => 'text', expire_at: () => 'bigint' },
    row: (sid) => ({ sid, additional: text, expire_at: Date.now() + HOUR }),
  },
  {
    store: 'connect-session-knex',
    call: 'connectSessionKnex',
    databases: ALL,
    sid: 'sid',
    columns: {
      sid: () => 'varchar(255) not null',
      sess: () => 'json not null',
      expired: (name) => (name === 'postgres' ? 'timestamptz not null' : 'datetime not null'),
    },
    row: (sid, name) => ({ sid, sess: text, expired: soon(name) }),
  },
  {
    store: 'connect-session-kysely',
    call: 'connectSessionKysely',
    databases: ['postgres'],
    sid: 'sid',
    columns: { sid: () => 'varchar(255) not null', sess: () => 'jsonb', expired: () => 'timestamp not null' },
    row: (sid, name) => ({ sid, sess: text, expired: soon(name) }),
  },
  {
    store: 'koa-generic-session-knex',
    call: 'koaGenericSessionKnex',
    databases: ALL,
    sid: 'id',
    columns: { id: key, data: () => 'text', expires: () => 'bigint' },
    row: (id) => ({ id, data: text, expires: seconds() }),
  },
  {
    store: 'sequelize-session-store',
    call: 'sequelizeSessionStore',
    databases: ['postgres', ...MYSQL],
    sid: 'sid',
    columns: {
      sid: () => 'varchar(255) not null',
      sess: () => 'text not null',
      expire: (name) => (name === 'postgres' ? 'timestamptz not null' : 'datetime(6) not null'),
    },
    row: (sid, name) => ({ sid, sess: text, expire: soon(name) }),
  },
  {
    store: 'connect-pg-simple',
    call: 'connectPgSimple',
    databases: ['postgres'],
    sid: 'sid',
    columns: { sid: () => 'varchar not null', sess: () => 'json not null', expire: () => 'timestamp(6) not null' },
    row: (sid, _, knex) => ({ sid, sess: text, expire: knex.raw('to_timestamp(?)', [seconds()]) }),
  },
  {
    store: 'express-mysql-session',
    call: 'expressMysqlSession',
    databases: MYSQL,
    sid: 'session_id',
    columns: {
      session_id: () => 'varchar(128) collate utf8mb4_bin not null',
      expires: () => 'int(11) unsigned not null',
      data: () => 'mediumtext collate utf8mb4_bin',
    },
    row: (id) => ({ session_id: id, expires: seconds(), data: text }),
  },
];

/** Makes a table, with its columns as they are named and in that order. */
async function make(knex: Knex, name: DatabaseName, table: string, one: Table, columns: readonly Column[]) {
  await knex.raw(`create table ?? (${columns.map(({ type }) => `?? ${type}`).join(', ')}, primary key (??))`, [
    table,
    ...columns.map((column) => column.name),
    columns.find(({ of }) => of === one.sid)?.name ?? '',
  ]);
  const row = Object.entries(one.row('ada', name, knex));
  const named = row.map(([of, value]) => [columns.find((column) => column.of === of)?.name ?? of, value]);
  await knex(table).insert(Object.fromEntries(named));
}

interface Column {
  readonly name: string;
  /** The predecessor's column that it is. */
  readonly of?: string;
  readonly type: string;
}

describe.each(TABLES)('the table of $store', (one) => {
  describeDatabases(
    'is known',
    ({ name }, knex) => {
      const columns = Object.entries(one.columns).map(([of, type]) => ({ name: of, of, type: type(name) }));
      const table = `${TABLE}_${one.call}`.toLowerCase();
      const upper = `${TABLE}_${one.call}_Upper`;
      afterEach(async () => {
        await knex().raw(`drop view if exists ${table}_view`);
        for (const made of [table, upper]) await knex().schema.dropTableIfExists(made);
      });

      /** What the inspection says is right: its call opens the table, and the session is there. */
      const opened = async (asked: string, further: readonly string[], schemaName?: string) => {
        const found = await inspectSessionTable(knex(), asked, schemaName);
        expect(found).toEqual({
          ...{ store: one.store, live: 1, call: expect.stringContaining(one.call) },
          columns: expect.arrayContaining([...further]),
        });
        expect(found.columns).toHaveLength(further.length);
        const store = storeOf(found.call ?? '', knex());
        try {
          expect(await store.get('ada')).toMatchObject({ user_id: 'ada' });
          await store.set('bob', { user_id: 'bob', cookie: {} });
          expect(await store.count('all')).toBe(2);
        } finally {
          await store.close();
        }
      };

      it('with its columns in another order', async () => {
        await make(knex(), name, table, one, columns.toReversed());
        await opened(table, []);
      });

      it('with further columns, of which some have keys', async () => {
        const further = [
          { name: 'user_id', type: 'varchar(100)' },
          { name: 'e mail', type: 'varchar(100) unique' },
          { name: 'revision_of', type: 'integer' },
          { name: 'Order', type: 'varchar(20) unique' },
        ];
        await make(knex(), name, table, one, [...further.slice(0, 2), ...columns, ...further.slice(2)]);
        await opened(
          table,
          further.map((column) => column.name),
        );
      });

      it('with a further column that has the name of one elsewhere, and a key', async () => {
        const taken = columns.map((column) => column.name);
        const further = ['additional', 'sess', 'revision'].filter((other) => !taken.includes(other));
        const keyed = further.map((other) => ({ name: other, type: 'varchar(100) unique' }));
        await make(knex(), name, table, one, [...columns, ...keyed]);
        await opened(table, further);
      });

      it('where all of it is in upper case', async () => {
        await make(
          knex(),
          name,
          upper,
          one,
          columns.map((column) => ({ ...column, name: column.name.toUpperCase() })),
        );
        await opened(upper, []);
      });

      it('while it is empty', async () => {
        await make(knex(), name, table, one, columns);
        await knex()(table).delete();
        expect(await inspectSessionTable(knex(), table)).toMatchObject({ store: one.store, live: 0 });
      });

      it.runIf(name === 'postgres')('in a schema, beside another one of the same name', async () => {
        const schema = 'kss_Takeover_odd';
        await knex().raw('drop schema if exists ?? cascade', [schema]);
        await knex().raw('create schema ??', [schema]);
        try {
          await make(knex(), name, table, one, columns);
          await knex().raw(`alter table ${table} set schema "${schema}"`);
          await knex().raw(`create table ${table} (id serial primary key, n integer)`);
          await opened(table, [], schema);
          expect(await inspectSessionTable(knex(), table)).toMatchObject({ store: undefined, columns: ['id', 'n'] });
          await expect(inspectSessionTable(knex(), table, 'nowhere')).rejects.toMatchObject({ code: 'TABLE_MISMATCH' });
        } finally {
          await knex().raw('drop schema ?? cascade', [schema]);
        }
      });

      it('and not what is a view of it, nor what lacks its key', async () => {
        await make(knex(), name, table, one, columns);
        await knex().raw(`create view ${table}_view as select * from ${table}`);
        const nothing = { store: undefined, live: undefined, call: undefined };
        expect(await inspectSessionTable(knex(), `${table}_view`)).toMatchObject(nothing);
        await knex().raw(`drop view ${table}_view`);
        await knex().raw('create table ?? as select * from ??', [upper, table]);
        expect(await inspectSessionTable(knex(), upper)).toMatchObject(nothing);
      });
    },
    one.databases,
  );
});

describeDatabases(
  'inspectSessionTable',
  ({ name }, knex) => {
    const table = `${TABLE}_more`;
    afterEach(() => knex().schema.dropTableIfExists(table));

    it('says what the sid is called, in the words of the predecessor', async () => {
      const named: readonly [Table | undefined, string][] = [
        [TABLES.find(({ store }) => store === 'knex-schema-session-store'), "sid_name: 'Login-key'"],
        [TABLES.find(({ store }) => store === 'connect-session-knex'), "sidFieldName: 'Login-key'"],
        [TABLES.find(({ store }) => store === 'express-mysql-session'), "columnNames: { session_id: 'Login-key' }"],
      ];
      for (const [one, words] of named) {
        if (!one?.databases.includes(name)) continue;
        const columns = Object.entries(one.columns).map(([of, type]) => ({
          ...{ name: of === one.sid ? 'Login-key' : of, of, type: type(name) },
        }));
        await make(knex(), name, table, one, columns);
        const found = await inspectSessionTable(knex(), table);
        expect(found).toMatchObject({ store: one.store, live: 1, columns: [] });
        expect(found.call).toContain(words);
        const store = storeOf(found.call ?? '', knex());
        expect(await store.get('ada')).toMatchObject({ user_id: 'ada' });
        await store.close();
        await knex().schema.dropTable(table);
      }
    });

    it('says timestamps, where there are those of ours or of a predecessor that made them', async () => {
      const ours = { tableName: table, timestamps: true, gcInterval: 0 } as const;
      const store = new KnexSessionStore(knex(), ours);
      await store.set('ada', {});
      await store.close();
      expect(await inspectSessionTable(knex(), table)).toEqual({
        ...{ store: '@kss/core', live: 1, columns: [] },
        call: `new KnexSessionStore(knex, { tableName: '${table}', timestamps: true })`,
      });
      await knex().schema.dropTable(table);
      for (const [call, sid, end, data] of [
        ['knexSchemaSessionStore', 'sid', 'expire_at', 'additional'],
        ['koaGenericSessionKnex', 'id', 'expires', 'data'],
      ] as const) {
        await knex().schema.createTable(table, (made) => {
          made.string(sid, call.startsWith('koa') ? 100 : 255).primary();
          made.text(data);
          made.bigInteger(end).index();
          made.timestamps();
        });
        const found = await inspectSessionTable(knex(), table);
        expect(found).toMatchObject({ call: expect.stringMatching(`${call}.*timestamps: true`), columns: [] });
        const opened = storeOf(found.call ?? '', knex());
        await opened.set('ada', {});
        await opened.close();
        await knex().schema.dropTable(table);
      }
    });

    it('takes columns that an app has of the same names for what they are', async () => {
      await knex().schema.createTable(table, (made) => {
        made.string('sid').primary();
        made.json('sess').notNullable();
        if (MYSQL.includes(name)) made.dateTime('expired').notNullable();
        else made.timestamp('expired').notNullable();
        made.timestamps();
      });
      expect(await inspectSessionTable(knex(), table)).toMatchObject({
        store: 'connect-session-knex',
        columns: ['created_at', 'updated_at'],
      });
    });

    it.runIf(name === 'postgres')('tells columns apart that differ in case', async () => {
      await knex().raw(
        `create table ${table} ("SID" integer, sid varchar(255) primary key, "Sess" bytea, sess json not null, ` +
          'expired timestamptz not null)',
      );
      const found = await inspectSessionTable(knex(), table);
      expect(found).toMatchObject({ store: 'connect-session-knex', live: 0, columns: ['SID', 'Sess'] });
      const store = storeOf(found.call ?? '', knex());
      await store.set('ada', { n: 1 });
      expect(await store.get('ada')).toEqual({ n: 1 });
      await store.close();
    });

    it('says of a name that cannot be one why', async () => {
      for (const asked of ['public.sessions', '', 'a"b']) {
        await expect(inspectSessionTable(knex(), asked)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
      }
    });
  },
  ALL,
);
