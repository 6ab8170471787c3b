import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import cookie from '@fastify/cookie';
import session from '@fastify/session';
import { type DatabaseName, describeDatabases, type TestDatabase } from '@kss/test-kit';
import fastify from 'fastify';
import type { Knex } from 'knex';
import { afterAll, beforeEach, describe, onTestFinished } from 'vitest';

const require = createRequire(import.meta.url);

/** A fastify and the plugins that fit it. */
export interface Versions {
  readonly major: 4 | 5;
  readonly fastify: typeof fastify;
  readonly cookie: typeof cookie;
  readonly session: typeof session;
}

/** What a test runs on. */
export interface Stack extends Versions {
  readonly database: TestDatabase;
  readonly table: string;
  knex(): Knex;
}

/** A row as it stands in the table, expired or not. */
export interface Row {
  readonly sid: string;
  readonly expire_at: number;
  readonly session: Record<string, unknown> & { cookie: Record<string, unknown> };
}

export const FASTIFY_5: Versions = { major: 5, fastify, cookie, session };

export const FASTIFY_4: Versions = {
  major: 4,
  fastify: require('fastify-4'),
  cookie: require('@fastify/cookie-9'),
  session: require('@fastify/session-10'),
};

const DATABASES: readonly DatabaseName[] = ['sqlite', 'postgres', 'mariadb', 'mysql'];

/** Runs a suite on Fastify 5 over each database, and on Fastify 4 over SQLite. Each test finds the table dropped. */
export function describeStacks(title: string, table: string, use: (stack: Stack) => void): void {
  describeDatabases(
    title,
    (database, knex) => {
      for (const versions of database.name === 'sqlite' ? [FASTIFY_5, FASTIFY_4] : [FASTIFY_5]) {
        describe(`with Fastify ${versions.major}`, () => useStack({ ...versions, database, table, knex }, use));
      }
    },
    DATABASES,
  );
}

/** Runs a suite on Fastify 5 alone, over each database or over some. */
export function describeNewest(
  title: string,
  table: string,
  use: (stack: Stack) => void,
  only: readonly DatabaseName[] = DATABASES,
): void {
  describeDatabases(title, (database, knex) => useStack({ ...FASTIFY_5, database, table, knex }, use), only);
}

function useStack(stack: Stack, use: (stack: Stack) => void): void {
  const drop = () => stack.knex().schema.dropTableIfExists(stack.table);
  beforeEach(drop);
  afterAll(drop);
  use(stack);
}

/** Two knex instances over one database, as two processes have them. */
export async function twoKnexes({ database }: Stack): Promise<[here: Knex, there: Knex]> {
  const filename = join(tmpdir(), `kss-fastify-${randomUUID()}.sqlite`);
  const options = database.name === 'sqlite' ? { filename } : {};
  const knexes: [Knex, Knex] = [database.open(options), database.open(options)];
  onTestFinished(async () => {
    await Promise.all(knexes.map((knex) => knex.destroy()));
    await rm(filename, { force: true });
  });
  return knexes;
}

export async function rowsOf({ table }: Pick<Stack, 'table'>, knex: Knex): Promise<Row[]> {
  const rows: { sid: string; expire_at: unknown; additional: string }[] = await knex(table)
    .select('sid', 'expire_at', 'additional')
    .orderBy('expire_at');
  return rows.map(({ sid, expire_at, additional }) => ({
    sid,
    expire_at: Number(expire_at),
    session: JSON.parse(additional),
  }));
}

/** The statements that a knex sends while something runs, each by its first word. */
export async function statementsOf(knex: Knex, run: () => Promise<unknown>): Promise<string[]> {
  const words: string[] = [];
  const listen = ({ sql }: { sql: string }) => words.push(sql.trim().split(/\s/, 1).join().toLowerCase());
  knex.on('query', listen);
  await run().finally(() => knex.removeListener('query', listen));
  return words;
}
