import type { Knex } from 'knex';
import type Koa from 'koa';
import genericSession, {
  type SessionOptions as GenericOptions,
  type SessionStore as GenericStore,
} from 'koa-generic-session';
import { type CreateSessionOptions, createSession } from 'koa-session';
import minimalSession from 'koa-session-minimal';
import { expectTypeOf } from 'vitest';
import {
  isKssError,
  KnexSessionStore,
  KoaMinimalSessionStore,
  KoaSessionStore,
  type KoaStoreOptions,
  type KssErrorCode,
  type SessionData,
  type SessionStore,
} from '../src/index.js';

// Never run: `tsc --noEmit` checks it.

declare const knex: Knex;
declare const app: Koa;
declare const ctx: Koa.Context;

const plain = new KnexSessionStore(knex);
const withColumns = new KnexSessionStore(knex, {
  schemas: [
    { name: 'user_id', type: 'string', args: [100], index: true },
    { name: 'seen', type: 'datetime' },
  ],
});

// A core of any columns makes a store, and nothing else does.
const store = new KoaSessionStore(withColumns);
const minimal = new KoaMinimalSessionStore(withColumns, { key: 'app' });
expectTypeOf(new KoaSessionStore(plain, { prefix: '' })).toEqualTypeOf<KoaSessionStore>();
expectTypeOf(new KoaMinimalSessionStore(new KnexSessionStore())).toEqualTypeOf<KoaMinimalSessionStore>();
expectTypeOf(KoaSessionStore).constructorParameters.toEqualTypeOf<[core: SessionStore, options?: KoaStoreOptions]>();
expectTypeOf(knex).not.toExtend<SessionStore>();
expectTypeOf(store).not.toExtend<SessionStore>();
// @ts-expect-error: the prefix is a string
new KoaSessionStore(plain, { prefix: undefined });
// @ts-expect-error: there is no such option
new KoaMinimalSessionStore(plain, { prefix: 'app:' });

// koa-generic-session takes it.
expectTypeOf(store).toExtend<GenericStore>();
expectTypeOf<KoaSessionStore>().toExtend<NonNullable<GenericOptions['store']>>();
app.use(genericSession({ store, key: 'app', ttl: 1000, rolling: true }));

// koa-session takes it, and a class over it.
expectTypeOf<KoaSessionStore>().toExtend<NonNullable<CreateSessionOptions['store']>>();
app.use(createSession({ store, maxAge: 'session' }, app));
class ContextStore extends KoaSessionStore {
  constructor(readonly context: Koa.Context) {
    super(withColumns);
  }
}
app.use(createSession({ ContextStore }, app));

// koa-session-minimal takes the other.
app.use(minimalSession({ store: minimal, cookie: { maxAge: 1000 } }));

// The methods, for code of the application's own.
expectTypeOf(store.get('sid')).toEqualTypeOf<Promise<SessionData | undefined>>();
expectTypeOf(store.set('sid', { user_id: 'ada' }, 1000)).toEqualTypeOf<Promise<void>>();
expectTypeOf(store.destroy('sid')).toEqualTypeOf<Promise<void>>();
expectTypeOf(minimal.get('sid')).toEqualTypeOf<Promise<SessionData | undefined>>();
expectTypeOf(minimal.set('sid', { user_id: 'ada' }, 1000)).toEqualTypeOf<Promise<void>>();
expectTypeOf(store.get).parameter(0).toEqualTypeOf<string>();
expectTypeOf(minimal.destroy).parameter(0).toEqualTypeOf<string>();

// sidOf takes Koa's context, and `except` wants to know that there is a sid.
expectTypeOf(store.sidOf(ctx)).toEqualTypeOf<string | undefined>();
expectTypeOf(minimal.sidOf(ctx)).toEqualTypeOf<string | undefined>();
app.use(async (context) => {
  const sid = store.sidOf(context);
  expectTypeOf(minimal.sidOf(context)).toEqualTypeOf<string | undefined>();
  await withColumns.find({ user_id: 'ada' }, { current: sid });
  if (sid !== undefined) await withColumns.destroyWhere({ user_id: 'ada' }, { except: sid });
  // @ts-expect-error: without a sid, all sessions would end
  await withColumns.destroyWhere({ user_id: 'ada' }, { except: sid });
});

// The one import serves for the core as well.
try {
  await withColumns.find({ seen: null });
} catch (error) {
  if (isKssError(error, 'TIMEOUT')) expectTypeOf(error.code).toEqualTypeOf<KssErrorCode>();
}
