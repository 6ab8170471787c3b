import type { Knex } from 'knex';
import { expectTypeOf } from 'vitest';
import {
  addColumnsMigration,
  type BackfillProgress,
  backfill,
  createSessionTable,
  dropSessionTable,
  KnexSessionStore,
  type Migration,
  migration,
  type Revision,
  type Session,
  type SessionInfo,
  type SessionStore,
  sessionTableSql,
  type TableProblem,
  verifySessionTable,
} from '../src/index.js';

declare const knex: Knex;

const plain = new KnexSessionStore(knex);
expectTypeOf(plain.get('s')).resolves.toEqualTypeOf<Session | null>();
expectTypeOf(plain).toExtend<SessionStore>();

const store = new KnexSessionStore(knex, {
  schemas: [
    { name: 'user_id', type: 'string', args: [100], extra: (column) => column.nullable(), index: true },
    { name: 'seen', type: 'datetime' },
    { name: 'level', type: 'integer' },
    { name: 'big', type: 'bigInteger' },
    { name: 'prefs', type: 'json' },
    { name: 'account', type: 'string', from: 'passport.user' },
    { name: 'tenant', type: 'integer', from: (session) => session.tenant },
  ],
});
expectTypeOf(store).toExtend<SessionStore>();

const session = await store.get('s');
expectTypeOf(session?.user_id).toEqualTypeOf<string | null | undefined>();
expectTypeOf(session?.seen).toEqualTypeOf<Date | null | undefined>();
expectTypeOf(session?.big).toEqualTypeOf<number | string | null | undefined>();
expectTypeOf(session?.anything).toEqualTypeOf<unknown>();
// A derived column is no session key of its own.
expectTypeOf(session?.account).toEqualTypeOf<unknown>();

interface AppSession {
  cookie: object;
  views?: number;
}
declare const appSession: AppSession;
await store.set('s', { user_id: 'ada', seen: new Date(), anything: 1 });
await store.set('s', { seen: '2026-01-01T00:00:00Z' });
await store.set('s', appSession, 1000);
// @ts-expect-error a number is no string
await store.set('s', { user_id: 7 });
// @ts-expect-error a text is no session
await store.set('s', 'text');

expectTypeOf(store.set('s', {})).resolves.toEqualTypeOf<Revision>();
expectTypeOf(store.update('s', {})).resolves.toEqualTypeOf<Revision | null>();
expectTypeOf(store.touch('s')).resolves.toEqualTypeOf<boolean>();
// @ts-expect-error a revision cannot be made up
await store.update('s', {}, { revision: { token: 1 } });

await store.find({ user_id: 'ada' }, { current: 'sid', orderBy: { column: 'level' } });
await store.find({ user_id: ['ada', null], level: 1, account: 'x', tenant: 1 });
await store.find('all');
await store.count((query) => query.where('level', '>', 1));
// @ts-expect-error there is no such column
await store.find({ userid: 'ada' });
// @ts-expect-error another type
await store.find({ level: 'one' });
// @ts-expect-error JSON has no equality
await store.find({ prefs: {} });
// @ts-expect-error undefined would mean everybody
await store.destroyWhere({ user_id: undefined });
// @ts-expect-error undefined would mean everybody
await store.destroyWhere({ user_id: 'ada' }, { handle: undefined });
// @ts-expect-error that is clear()
await store.destroyWhere('all');
// @ts-expect-error there is no such column
await store.find('all', { orderBy: { column: 'nothing' } });

const [info] = await store.find('all');
expectTypeOf(info).toEqualTypeOf<SessionInfo<typeof store extends KnexSessionStore<infer F> ? F : never> | undefined>();
expectTypeOf(info?.columns.user_id).toEqualTypeOf<string | null | undefined>();
expectTypeOf(info?.columns.tenant).toEqualTypeOf<number | null | undefined>();
// @ts-expect-error a sid is a credential
info?.sid;

const rows = await store.repo().where('user_id', 'ada');
expectTypeOf(rows[0]?.user_id).toEqualTypeOf<string | null | undefined>();

// @ts-expect-error no such type
new KnexSessionStore(knex, { schemas: [{ name: 'user_id', type: 'strng' }] });
// @ts-expect-error no such option
new KnexSessionStore(knex, { tablename: 'x' });
// @ts-expect-error no such key of a column
new KnexSessionStore(knex, { schemas: [{ name: 'user_id', type: 'string', unique: true }] });

await using disposed = new KnexSessionStore();
expectTypeOf(disposed.close()).resolves.toEqualTypeOf<void>();

const options = {
  schemas: [
    { name: 'user_id', type: 'string', args: [100], extra: (column: Knex.ColumnBuilder) => column.nullable() },
    { name: 'tenant', type: 'integer', from: 'tenant.id' },
  ],
} as const;
expectTypeOf(createSessionTable(knex, options)).resolves.toEqualTypeOf<void>();
expectTypeOf(createSessionTable(knex)).resolves.toEqualTypeOf<void>();
expectTypeOf(dropSessionTable(knex, { tableName: 'logins' })).resolves.toEqualTypeOf<void>();
await knex.transaction((trx) => createSessionTable(trx, { schemas: [{ name: 'a', type: 'integer' }] }));
// @ts-expect-error no such option
await createSessionTable(knex, { tablename: 'x' });
// @ts-expect-error no such type
await dropSessionTable(knex, { schemas: [{ name: 'a', type: 'int' }] });

const [problem] = await verifySessionTable(knex, options);
expectTypeOf(problem).toEqualTypeOf<TableProblem | undefined>();
expectTypeOf(problem?.sql).toEqualTypeOf<readonly string[] | undefined>();
problem?.kind satisfies 'table' | 'missing' | 'type' | 'size' | 'collation' | 'unique' | 'zone' | 'index' | undefined;

expectTypeOf(migration(options)).toEqualTypeOf<Migration>();
expectTypeOf(migration()).toExtend<Knex.Migration>();
expectTypeOf(addColumnsMigration(options, ['user_id', 'tenant'])).toEqualTypeOf<Migration>();
addColumnsMigration({ schemas: [{ name: 'device', type: 'uuid', index: true }] }, ['device']);
// @ts-expect-error no such column
addColumnsMigration(options, ['userid']);
// @ts-expect-error names, not one name
addColumnsMigration(options, 'user_id');

expectTypeOf(sessionTableSql(options, 'mariadb')).toEqualTypeOf<string>();
// @ts-expect-error no such database
sessionTableSql(options, 'postgresql');

expectTypeOf(backfill(store)).resolves.toEqualTypeOf<BackfillProgress>();
await backfill(plain, {
  chunk: 100,
  onProgress: ({ seen, filled, missed, failed }) => seen - filled - missed - failed,
});
await backfill(store, { onProgress: async () => {} });
// @ts-expect-error no store
await backfill({});
// @ts-expect-error no such option
await backfill(store, { size: 5 });
