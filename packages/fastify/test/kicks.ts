import { expect } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { type AppOptions, coreOf, type Routes, routes, startApp, type TestApp } from './app.js';
import type { Client } from './client.js';
import { Gate } from './obstacles.js';
import { type Row, rowsOf, type Stack, twoKnexes } from './stacks.js';

/** The ways in which a session is ended while a request has it. */
export const KICKS = ['a logout', 'destroyWhere', 'a DELETE in another process'] as const;

/** An application with a session of ada's, whose slow requests stop at a gate. */
export interface KickScene {
  readonly app: TestApp;
  readonly gate: Gate;
  /** Has loaded ada's session before. */
  readonly client: Client;
  kick(sid: string | undefined): Promise<unknown>;
  rows(): Promise<Row[]>;
  /** Asserts that the session is gone, that others than that many there are not, and that nothing failed. */
  expectGone(sid: string | undefined, others?: number): Promise<void>;
}

/** The plugin's `rolling` is on, so that a request saves at its end whatever it did. */
export async function kickScene(
  stack: Stack,
  kickedBy: (typeof KICKS)[number],
  slow: (pause: () => Promise<void>) => Routes,
  options: AppOptions = {},
): Promise<KickScene> {
  const [here, there] = await twoKnexes(stack);
  const core = await coreOf(stack, { schemas: [{ name: 'user', type: 'string', args: [100], index: true }] }, here);
  const elsewhere = new KnexSessionStore(there, { tableName: stack.table, sync: false });
  const gate = new Gate();
  const paths = { ...routes, ...slow(() => gate.pass()) };
  const app = await startApp(stack, paths, { core, session: { rolling: true }, ...options });
  const client = app.client();
  await client.get('/login');
  expect((await client.get('/whoami')).text).toBe('ada');
  const rows = () => rowsOf(stack, here);
  return {
    app,
    gate,
    client,
    rows,
    async kick(sid) {
      if (kickedBy === 'a logout') await app.client().assume(sid).get('/logout');
      else if (kickedBy === 'destroyWhere') await core.destroyWhere({ user: 'ada' });
      else await elsewhere.repo().where('sid', String(sid)).delete();
      expect((await rows()).map((row) => row.sid)).not.toContain(sid);
    },
    async expectGone(sid, others = 0) {
      const sids = (await rows()).map((row) => row.sid);
      expect(sids).not.toContain(sid);
      expect(sids).toHaveLength(others);
      expect((await app.client().assume(sid).get('/whoami')).text).toBe('nobody');
      expect(app.errors).toEqual([]);
    },
  };
}
