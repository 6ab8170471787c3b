import { createRequire } from 'node:module';
import { type DatabaseName, describeDatabases, type TestDatabase } from '@kss/test-kit';
import express from 'express';
import session from 'express-session';
import type { Knex } from 'knex';
import { afterAll, beforeEach, describe } from 'vitest';

const require = createRequire(import.meta.url);

/** An express and an express-session that run together. */
interface Versions {
  readonly name: string;
  readonly express: typeof express;
  readonly session: typeof session;
}

/** What a test runs on. */
export interface Stack extends Versions {
  readonly database: TestDatabase;
  readonly table: string;
  knex(): Knex;
}

/** A row as it stands in the table. */
interface Row {
  readonly sid: string;
  readonly expire_at: number;
  readonly additional: string;
}

export const EXPRESSES = { v5: express, v4: require('express-4') as typeof express };

export const SESSIONS = {
  'v1.19': session,
  'v1.18': require('express-session-1.18') as typeof session,
  'v1.17': require('express-session-1.17') as typeof session,
};

const NEWEST: Versions = versions('v5', 'v1.19');

const VERSIONS: readonly Versions[] = [
  NEWEST,
  versions('v5', 'v1.18'),
  versions('v5', 'v1.17'),
  versions('v4', 'v1.19'),
  versions('v4', 'v1.18'),
  versions('v4', 'v1.17'),
];

function versions(ofExpress: keyof typeof EXPRESSES, ofSession: keyof typeof SESSIONS): Versions {
  const name = `express ${ofExpress} and express-session ${ofSession}`;
  return { name, express: EXPRESSES[ofExpress], session: SESSIONS[ofSession] };
}

/**
 * Runs a suite with the newest versions over each database, and with every other combination of versions over SQLite.
 * Each test finds the table dropped.
 */
export function describeStacks(title: string, table: string, use: (stack: Stack) => void): void {
  describeDatabases(title, (database, knex) => {
    for (const versions of database.name === 'sqlite' ? VERSIONS : [NEWEST]) {
      describe(versions.name, () => useStack({ ...versions, database, table, knex }, use));
    }
  });
}

/** Runs a suite with the newest versions alone, over each database or over some. */
export function describeNewest(
  title: string,
  table: string,
  use: (stack: Stack) => void,
  only?: readonly DatabaseName[],
): void {
  describeDatabases(title, (database, knex) => useStack({ ...NEWEST, database, table, knex }, use), only);
}

function useStack(stack: Stack, use: (stack: Stack) => void): void {
  const drop = () => stack.knex().schema.dropTableIfExists(stack.table);
  beforeEach(drop);
  afterAll(drop);
  use(stack);
}

/** All rows of the table, expired ones included. */
export async function rowsOf({ knex, table }: Stack): Promise<Row[]> {
  const rows: Row[] = await knex()(table).select('sid', 'expire_at', 'additional').orderBy('expire_at');
  return rows.map((row) => ({ ...row, expire_at: Number(row.expire_at) }));
}

/** The row of one sid. */
export async function rowOf(stack: Stack, sid: string): Promise<Row | undefined> {
  return (await rowsOf(stack)).find((row) => row.sid === sid);
}

/** Records the statements that a knex sends while something runs, by their first word. */
export async function statementsOf(knex: Knex, run: () => Promise<unknown>): Promise<string[]> {
  const sent: string[] = [];
  const record = ({ sql }: { sql: string }) => sent.push(/^\w+/.exec(sql)?.[0].toLowerCase() ?? sql);
  knex.on('query', record);
  try {
    await run();
  } finally {
    knex.removeListener('query', record);
  }
  return sent;
}
