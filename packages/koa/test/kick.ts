import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KnexSessionStore } from '@kss/core';
import { expect, onTestFinished } from 'vitest';
import { coreOf, startApp } from './app.js';
import { type BaseContext, type Data, type Routes, routes } from './contexts.js';
import { Gate } from './obstacles.js';
import { onlyRow, rowsOf, type Stack, type Store } from './stacks.js';

/** How a request goes on that has loaded its session, with a pause in which the session is ended. */
export type End<C> = (ctx: C, pause: () => Promise<void>) => unknown;

/** A way in which a session is ended while a request of it waits. */
export type Kick = 'a logout' | 'destroyWhere' | 'a DELETE in another process';

/** The ways to try on a database. What runs in this process is the same for every database. */
export function kicksOn({ database }: Stack): readonly Kick[] {
  const elsewhere = 'a DELETE in another process';
  return database.name === 'sqlite' ? ['a logout', 'destroyWhere', elsewhere] : [elsewhere];
}

/** Likewise, for a request whose browser has no cookie yet. */
export function kicksFromOutside(stack: Stack): readonly Kick[] {
  return kicksOn(stack).filter((kick) => kick !== 'a logout');
}

/** The same table as this process has it, and as another does: over a second knex. */
async function twoProcesses<S extends Stack>(given: S): Promise<{ stack: S; elsewhere: KnexSessionStore }> {
  let { knex } = given;
  let filename: string | undefined;
  if (given.database.name === 'sqlite') {
    const folder = await mkdtemp(join(tmpdir(), 'kss-koa-'));
    filename = join(folder, 'sessions.sqlite');
    const here = given.database.open({ filename });
    knex = () => here;
    onTestFinished(async () => {
      await here.destroy();
      await rm(folder, { recursive: true });
    });
  }
  const there = given.database.open(filename === undefined ? {} : { filename });
  onTestFinished(() => there.destroy());
  const elsewhere = new KnexSessionStore(there, { tableName: given.table, sync: false });
  onTestFinished(() => elsewhere.close());
  return { stack: { ...given, knex }, elsewhere };
}

/** An application with a slow request, `/slow`, and what its session is ended with while that request waits. */
export async function scene<C extends BaseContext, S extends Store>(
  given: Stack<C, S>,
  kickedBy: Kick,
  end: End<C>,
  session: object = {},
) {
  const { stack, elsewhere } = await twoProcesses(given);
  const gate = new Gate();
  const core = await coreOf(stack, { schemas: [{ name: 'user', type: 'string', args: [100], index: true }] });
  const paths: Routes<C> = {
    ...routes,
    '/login-bob': (ctx) => {
      ctx.session.user = 'bob';
      ctx.body = 'in';
    },
    '/login-deferred': function* (ctx) {
      const session = (yield ctx.session) as Data;
      session.user = 'ada';
      ctx.body = 'in';
    },
    '/slow': (ctx) => {
      ctx.body = 'done';
      return end(ctx, () => gate.pass());
    },
  };
  const app = await startApp(stack, paths, { core, session });
  const client = app.client();

  /** Ends the session of the one row that there is. */
  const kick = async () => {
    const { sid } = await onlyRow(stack);
    if (kickedBy === 'a logout') await client.copy().get('/logout');
    if (kickedBy === 'destroyWhere') await core.destroyWhere({ user: 'ada' });
    if (kickedBy === 'a DELETE in another process') await elsewhere.repo().where({ sid }).delete();
    expect(await rows()).toEqual([]);
  };
  /** All rows, when all writes are over. */
  const rows = async () => {
    await core.count('all');
    return rowsOf(stack);
  };
  return { app, client, core, gate, kick, rows, stack };
}

/** Lets a request load its session and wait while the session is ended; then expects that no trace of it is left. */
export async function expectKicked<C extends BaseContext, S extends Store>(
  stack: Stack<C, S>,
  kickedBy: Kick,
  end: End<C>,
  { session = {}, slowBody = false }: { readonly session?: object; readonly slowBody?: boolean } = {},
): Promise<void> {
  const { app, client, gate, kick, rows } = await scene(stack, kickedBy, end, session);
  await client.get('/login');
  const copy = client.copy();
  const slow = client.get('/slow', slowBody ? gate.slowBody() : {});
  await gate.reached;
  await kick();
  gate.open();
  expect(await slow).toMatchObject({ status: 200, text: 'done' });
  expect(await rows()).toEqual([]);
  expect((await copy.get('/whoami')).text).toBe('nobody');
  expect((await client.get('/whoami')).text).toBe('nobody');
  expect(app.errors).toEqual([]);
}
