import fastifySession, { type FastifySessionOptions, type SessionStore as FastifyStore } from '@fastify/session';
import fastify, { type FastifyRequest, type Session } from 'fastify';
import type { Knex } from 'knex';
import { expectTypeOf } from 'vitest';
import {
  FastifySessionStore,
  isKssError,
  KnexSessionStore,
  type KssErrorCode,
  type SessionStore,
} from '../src/index.js';

// Never run: `tsc --noEmit` checks it, with exactOptionalPropertyTypes.

// An application's own keys; one of them is required, which a store made for express-session does not survive.
declare module 'fastify' {
  interface Session {
    visits: number;
    user_id?: string;
  }
}

declare const knex: Knex;
declare const request: FastifyRequest;

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
const store = new FastifySessionStore(withColumns);
expectTypeOf(new FastifySessionStore(plain)).toEqualTypeOf<FastifySessionStore>();
expectTypeOf(new FastifySessionStore(new KnexSessionStore())).toEqualTypeOf<FastifySessionStore>();
expectTypeOf(FastifySessionStore).constructorParameters.toEqualTypeOf<[core: SessionStore]>();
expectTypeOf(knex).not.toExtend<SessionStore>();
expectTypeOf(store).not.toExtend<SessionStore>();

// The plugin takes it, as an option and where options are built up; so does a class that implements the plugin's interface.
expectTypeOf(store).toExtend<FastifyStore>();
expectTypeOf(store).toExtend<NonNullable<FastifySessionOptions['store']>>();
fastify().register(fastifySession, { store, secret: 'a secret', rolling: false, saveUninitialized: false });
const options: FastifySessionOptions = { secret: ['new', 'old'] };
options.store = new FastifySessionStore(plain);

class Counting extends FastifySessionStore implements FastifyStore {
  reads = 0;
  override get(...call: Parameters<FastifySessionStore['get']>): Promise<Session | null> {
    this.reads += 1;
    return super.get(...call);
  }
}
options.store = new Counting(plain);

// The application's own keys are seen through the store.
expectTypeOf(request.session.visits).toEqualTypeOf<number>();
expectTypeOf(request.session.user_id).toEqualTypeOf<string | undefined>();
expectTypeOf(store.get('sid')).toEqualTypeOf<Promise<Session | null>>();
expectTypeOf<NonNullable<Awaited<ReturnType<typeof store.get>>>['visits']>().toEqualTypeOf<number>();
expectTypeOf(store.set('sid', request.session)).toEqualTypeOf<Promise<void>>();
expectTypeOf(store.set('sid', { cookie: { originalMaxAge: null }, visits: 1 })).toEqualTypeOf<Promise<void>>();
expectTypeOf(store.destroy('sid')).toEqualTypeOf<Promise<void>>();
expectTypeOf(store.set).parameter(0).toEqualTypeOf<string>();
expectTypeOf<{ cookie: { originalMaxAge: null } }>().not.toExtend<Parameters<typeof store.set>[1]>();

// Callbacks, as code for any store has them.
store.get('sid', (error, loaded) => {
  expectTypeOf(loaded).toEqualTypeOf<Session | null | undefined>();
  if (isKssError(error, 'TIMEOUT')) expectTypeOf(error.code).toEqualTypeOf<KssErrorCode>();
});
store.set('sid', request.session, (error) => error);
store.destroy('sid', () => {});
request.sessionStore.get('sid', (_error, loaded) => expectTypeOf(loaded).toEqualTypeOf<Session | null | undefined>());

// The one import serves for the core as well.
withColumns.find({ user_id: 'ada', passport_user: [1, 2], seen: null });
expectTypeOf(withColumns.get('sid'))
  .resolves.exclude<null>()
  .toHaveProperty('user_id')
  .toEqualTypeOf<string | null | undefined>();
