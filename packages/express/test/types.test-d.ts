import session, { type Session, type SessionData, type Store } from 'express-session';
import type { Knex } from 'knex';
import { expectTypeOf } from 'vitest';
import {
  ExpressSessionStore,
  isKssError,
  KnexSessionStore,
  type KssErrorCode,
  type SessionStore,
} from '../src/index.js';

// Never run: `tsc --noEmit` checks it.

declare module 'express-session' {
  interface SessionData {
    user_id?: string;
  }
}

declare const knex: Knex;
declare const request: Express.Request & { session: Session & Partial<SessionData> };

const plain = new KnexSessionStore(knex);
const withColumns = new KnexSessionStore(knex, {
  tableName: 'visits',
  schemas: [
    { name: 'user_id', type: 'string', args: [100], index: true, extra: (column) => column.nullable() },
    { name: 'seen', type: 'datetime' },
    { name: 'passport_user', type: 'integer', from: 'passport.user' },
  ],
});

// A core of any columns makes a store, and nothing else does.
const store = new ExpressSessionStore(withColumns);
expectTypeOf(new ExpressSessionStore(plain)).toEqualTypeOf<ExpressSessionStore>();
expectTypeOf(new ExpressSessionStore(new KnexSessionStore())).toEqualTypeOf<ExpressSessionStore>();
expectTypeOf(ExpressSessionStore).constructorParameters.toEqualTypeOf<[core: SessionStore]>();
expectTypeOf(withColumns).toExtend<SessionStore>();
expectTypeOf(knex).not.toExtend<SessionStore>();
expectTypeOf(store).not.toExtend<SessionStore>();

// express-session takes it.
expectTypeOf(store).toExtend<Store>();
expectTypeOf(session({ store, secret: 'secret', resave: false, saveUninitialized: false })).toBeFunction();
session({ store: new ExpressSessionStore(plain), secret: ['new', 'old'], cookie: { maxAge: 60_000 } });

// The application's own keys, declared in express-session's way, are seen through the store.
expectTypeOf(request.session.user_id).toEqualTypeOf<string | undefined>();
expectTypeOf(store.get('sid')).toEqualTypeOf<Promise<SessionData | null>>();
expectTypeOf<NonNullable<Awaited<ReturnType<typeof store.get>>>['user_id']>().toEqualTypeOf<string | undefined>();
expectTypeOf(store.all()).toEqualTypeOf<Promise<SessionData[]>>();
expectTypeOf(store.length()).toEqualTypeOf<Promise<number>>();
expectTypeOf(store.clear()).toEqualTypeOf<Promise<void>>();
expectTypeOf(store.destroy('sid')).toEqualTypeOf<Promise<void>>();
expectTypeOf(store.set('sid', { cookie: request.session.cookie, user_id: 'ada' })).toEqualTypeOf<Promise<void>>();
expectTypeOf(store.touch('sid', request.session as SessionData)).toEqualTypeOf<Promise<void>>();
expectTypeOf(store.set).parameter(0).toEqualTypeOf<string>();

// Callbacks, as code for any store has them.
store.get('sid', (error, loaded) => {
  expectTypeOf(loaded).toEqualTypeOf<SessionData | null | undefined>();
  if (isKssError(error, 'TIMEOUT')) expectTypeOf(error.code).toEqualTypeOf<KssErrorCode>();
});
store.all((_error, sessions) => expectTypeOf(sessions).toEqualTypeOf<SessionData[] | null | undefined>());
store.length((_error, length) => expectTypeOf(length).toEqualTypeOf<number | undefined>());
store.destroy('sid', (error) => error);

// The one import serves for the core as well.
expectTypeOf(withColumns.find).parameter(0).extract<object>().not.toBeNever();
withColumns.find({ user_id: 'ada', passport_user: [1, 2], seen: null });
expectTypeOf(withColumns.get('sid'))
  .resolves.exclude<null>()
  .toHaveProperty('user_id')
  .toEqualTypeOf<string | null | undefined>();
