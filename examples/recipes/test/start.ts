import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import createKnex, { type Knex } from 'knex';
import { afterAll, beforeAll } from 'vitest';

/** A recipe while the tests of a file run, on loopback and on a database of its own. */
export interface Recipe<S> {
  readonly url: string;
  readonly sessions: S;
}

export function useRecipe<S extends { close(): Promise<void> }>(
  create: (knex: Knex) => { readonly server: Server; readonly sessions: S },
): Recipe<S> {
  let made: { url: string; server: Server; sessions: S; database: Database };
  beforeAll(async () => {
    const database = await openDatabase();
    const { server, sessions } = create(database.knex);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    made = { url: addressOf(server), server, sessions, database };
  });
  afterAll(async () => {
    const { server, sessions, database } = made;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
    await sessions.close();
    await database.remove();
  });
  return {
    get url() {
      return made.url;
    },
    get sessions() {
      return made.sessions;
    },
  };
}

export function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Database {
  readonly knex: Knex;
  remove(): Promise<void>;
}

/** A SQLite file in a folder of its own. */
export async function openDatabase(): Promise<Database> {
  const folder = await mkdtemp(join(tmpdir(), 'kss-recipe-'));
  const connection = { filename: join(folder, 'app.sqlite') };
  const knex = createKnex({ client: 'better-sqlite3', connection, useNullAsDefault: true });
  return {
    knex,
    async remove() {
      await knex.destroy();
      await rm(folder, { recursive: true });
    },
  };
}
