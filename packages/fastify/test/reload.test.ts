import { expect, it } from 'vitest';
import { called, type Routes, routes, startApp } from './app.js';
import { Gate } from './obstacles.js';
import { describeStacks, rowsOf, statementsOf } from './stacks.js';

describeStacks('reload', 'fastify_reload', (stack) => {
  const rows = () => rowsOf(stack, stack.knex());
  /** Trap: the reload() with a callback of @fastify/session 10.9 makes a session that cannot be saved. */
  const ways = [['a promise', true] as const, ...(stack.major === 5 ? [['a callback', false] as const] : [])];

  it.each(ways)(
    'F10: reload by %s gives up what the request changed, and has what others did',
    async (_, byPromise) => {
      const gate = new Gate();
      const app = await startApp(stack, {
        ...routes,
        '/slow': async (request) => {
          request.session.user = 'never saved';
          await gate.pass();
          const { session } = request;
          await (byPromise ? session.reload() : called((done) => session.reload(done)));
          const { user, n } = request.session;
          request.session.note = 'after';
          return { user, n };
        },
      });
      const client = app.client();
      await client.get('/login');
      const slow = client.get('/slow');
      await gate.reached;
      await client.get('/count');
      gate.open();
      expect(JSON.parse((await slow).text)).toEqual({ user: 'ada', n: 1 });
      expect(await rows()).toMatchObject([{ sid: client.sid, session: { user: 'ada', n: 1, note: 'after' } }]);
      expect(app.errors).toEqual([]);
    },
  );

  it.each(ways)(
    'F10: reload by %s of a session that is gone is no error, and brings nothing back',
    async (_, byPromise) => {
      const app = await startApp(stack, {
        ...routes,
        '/late': async (request) => {
          await stack.knex()(stack.table).delete();
          const { session } = request;
          await (byPromise ? session.reload() : called((done) => session.reload(done)));
          if (request.url === '/late?change') request.session.note = 'late';
          return { ...request.session, same: request.session.sessionId === session.sessionId };
        },
      });
      for (const path of ['/late', '/late?change']) {
        const client = app.client();
        await client.get('/login');
        const { status, text } = await client.get(path);
        expect(status).toBe(200);
        expect(JSON.parse(text)).toMatchObject({ same: true });
        expect(JSON.parse(text)).not.toHaveProperty('user');
        expect(await rows()).toEqual([]);
        expect((await client.get('/whoami')).text).toBe('nobody');
      }
      expect(app.errors).toEqual([]);
    },
  );

  it('F10: a reload alone writes nothing', async () => {
    const app = await startApp(stack, {
      ...routes,
      '/reload': async ({ session }) => {
        await session.reload();
        return 'reloaded';
      },
    } satisfies Routes);
    const client = app.client();
    await client.get('/login');
    expect(await statementsOf(stack.knex(), () => client.get('/reload'))).toEqual(['select', 'select']);
    expect((await client.get('/whoami')).text).toBe('ada');
  });
});
