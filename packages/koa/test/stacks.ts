import type { RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import type { SessionStore } from '@kss/core';
import { type DatabaseName, describeDatabases, type TestDatabase } from '@kss/test-kit';
import type { Knex } from 'knex';
import Koa3 from 'koa';
import genericSession from 'koa-generic-session';
import { createSession } from 'koa-session';
import minimalSession from 'koa-session-minimal';
import { afterAll, beforeEach, describe } from 'vitest';
import { KoaMinimalSessionStore, KoaSessionStore } from '../src/index.js';
import type { BaseContext, GenericContext, MinimalContext, SessionContext } from './contexts.js';

const require = createRequire(import.meta.url);

/** What the tests use of a Koa application, in any version. */
export interface KoaApplication {
  keys: string[];
  use(middleware: unknown): unknown;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  callback(): RequestListener;
}

/** What a store is, as far as every middleware is concerned. */
export type Store = KoaSessionStore | KoaMinimalSessionStore;

/** A Koa and a session middleware that run together. `C` is the context that its handlers get, `S` its store. */
export interface Versions<C extends BaseContext = BaseContext, S extends Store = Store> {
  readonly name: string;
  readonly Koa: new () => KoaApplication;
  /** Whether middleware are generator functions. */
  readonly generators: boolean;
  /** The middleware with these options. */
  readonly session: (options: object, app: KoaApplication) => unknown;
  readonly Store: new (core: SessionStore, options?: { prefix?: string; key?: string }) => S;
  /** For the type alone: it is never there. */
  readonly context?: C;
}

/** What a test runs on. */
export interface Stack<C extends BaseContext = BaseContext, S extends Store = Store> extends Versions<C, S> {
  readonly database: TestDatabase;
  readonly table: string;
  knex(): Knex;
}

export type GenericVersions = Versions<GenericContext, KoaSessionStore>;
export type SessionVersions = Versions<SessionContext, KoaSessionStore>;
export type MinimalVersions = Versions<MinimalContext, KoaMinimalSessionStore>;

/** Where the rows are. */
export type Place = Pick<Stack, 'knex' | 'table'>;

/** A row as it stands in the table. */
export interface Row {
  readonly sid: string;
  readonly expire_at: number;
  readonly additional: string;
  readonly revision: number;
}

const koa3 = { Koa: Koa3 as unknown as new () => KoaApplication, generators: false };
const koa2 = { Koa: require('koa-2') as new () => KoaApplication, generators: false };
const koa1 = { Koa: require('koa-1') as new () => KoaApplication, generators: true };

const generic = { Store: KoaSessionStore, session: genericSession as Versions['session'] };
const minimal = { Store: KoaMinimalSessionStore, session: minimalSession as Versions['session'] };

/** koa-generic-session; the first is the newest. */
export const GENERIC: readonly GenericVersions[] = [
  { ...generic, ...koa3, name: 'koa 3 and koa-generic-session 2' },
  { ...generic, ...koa2, name: 'koa 2 and koa-generic-session 2' },
  {
    ...generic,
    ...koa1,
    name: 'koa 1 and koa-generic-session 1',
    session: require('koa-generic-session-1') as Versions['session'],
  },
];

/** koa-session; the first is the newest. */
export const SESSION: readonly SessionVersions[] = [
  { ...koa3, Store: KoaSessionStore, name: 'koa 3 and koa-session 7', session: createSession as Versions['session'] },
  {
    ...koa2,
    Store: KoaSessionStore,
    name: 'koa 2 and koa-session 6',
    session: require('koa-session-6') as Versions['session'],
  },
];

/** koa-session-minimal; the first is the newest. */
export const MINIMAL: readonly MinimalVersions[] = [
  { ...minimal, ...koa3, name: 'koa 3 and koa-session-minimal 4' },
  {
    ...minimal,
    ...koa2,
    name: 'koa 2 and koa-session-minimal 3',
    session: require('koa-session-minimal-3') as Versions['session'],
  },
];

/**
 * Runs a suite over SQLite once for each combination of versions, and over servers with the first of them. Each test finds
 * the table dropped.
 */
export function describeStacks<C extends BaseContext, S extends Store>(
  title: string,
  table: string,
  all: readonly Versions<C, S>[],
  use: (stack: Stack<C, S>) => void,
  only: readonly DatabaseName[] = ['sqlite'],
): void {
  describeDatabases(
    title,
    (database, knex) => {
      for (const versions of database.name === 'sqlite' ? all : all.slice(0, 1)) {
        describe(versions.name, () => {
          const drop = () => knex().schema.dropTableIfExists(table);
          beforeEach(drop);
          afterAll(drop);
          use({ ...versions, database, table, knex });
        });
      }
    },
    only,
  );
}

/** The databases on which a suite runs that must hold on any. */
export const EVERYWHERE: readonly DatabaseName[] = ['sqlite', 'postgres', 'mariadb', 'mysql'];

/** All rows of the table, expired ones included. */
export async function rowsOf({ knex, table }: Place): Promise<Row[]> {
  const rows: Row[] = await knex()(table).select('sid', 'expire_at', 'additional', 'revision').orderBy('expire_at');
  return rows.map((row) => ({ ...row, expire_at: Number(row.expire_at), revision: Number(row.revision) }));
}

/** The one row of the table. */
export async function onlyRow(stack: Place): Promise<Row> {
  const [row, ...others] = await rowsOf(stack);
  if (row === undefined || others.length > 0) throw new Error(`There are ${others.length + (row ? 1 : 0)} rows.`);
  return row;
}
