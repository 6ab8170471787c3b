import { expect, it } from 'vitest';
import { called, type Routes, routes, startApp } from './app.js';
import { outsideOfRequests } from './endings.js';
import { describeStacks, rowsOf } from './stacks.js';

// What the plugin does, or keeps its store from preventing. Each has its sentence in the README.
describeStacks('traps of the plugin', 'fastify_traps', (stack) => {
  const rows = () => rowsOf(stack, stack.knex());
  const deleteAll = () => stack.knex()(stack.table).delete();

  it('F8: regenerate without a change leaves an empty row, to which no cookie leads', async () => {
    const app = await startApp(stack, {
      ...routes,
      '/regenerate': async ({ session }) => {
        await session.regenerate();
        return 'new';
      },
    });
    const client = app.client();
    await client.get('/login');
    const { sid } = client;
    await client.get('/regenerate');
    expect(client.sid).toBeUndefined();
    const left = (await rows()).filter((row) => row.sid !== sid);
    expect(left).toMatchObject([{ session: expect.not.objectContaining({ user: 'ada' }) }]);
  });

  it('F9: a session that is replaced by null is neither saved nor ended', async () => {
    const app = await startApp(stack, {
      ...routes,
      '/forget': (request) => {
        request.session.user = 'bob';
        Object.assign(request, { session: null });
        return 'forgotten';
      },
    });
    const client = app.client();
    await client.get('/login');
    await client.get('/forget');
    expect((await client.get('/whoami')).text).toBe('ada');
  });

  it('F10: a reload that fails leaves an empty session in its place, and a save stores it', async () => {
    const { table } = stack;
    const app = await startApp(
      stack,
      {
        ...routes,
        '/reload': async ({ session }) => {
          await stack.knex().schema.renameTable(table, `${table}_away`);
          const error = await session.reload().catch((caught) => caught);
          await stack.knex().schema.renameTable(`${table}_away`, table);
          return String(error.code);
        },
      } satisfies Routes,
      { session: { rolling: true } },
    );
    const client = app.client();
    await client.get('/login');
    expect((await client.get('/reload')).text).toBe('DATABASE');
    expect((await client.get('/whoami')).text).toBe('nobody');
  });

  it('kicked: a first request that saves, and reloads when the session is gone, brings back what it adds', async () => {
    const app = await startApp(stack, {
      ...routes,
      '/first': async (request) => {
        request.session.user = 'ada';
        await request.session.save();
        await deleteAll();
        await request.session.reload();
        request.session.note = 'late';
        return 'done';
      },
    });
    const client = app.client();
    await client.get('/first');
    expect(await rows()).toMatchObject([{ sid: client.sid, session: { note: 'late' } }]);
    expect((await client.get('/whoami')).text).toBe('nobody');
  });

  it('kicked: what the application saves by itself, where the context is lost, is a session of its own making', async () => {
    const app = await startApp(stack, {
      ...routes,
      '/copy': async ({ session, sessionStore }) => {
        await deleteAll();
        await outsideOfRequests(() => called((done) => sessionStore.set(session.sessionId, { ...session }, done)));
        return 'copied';
      },
    } satisfies Routes);
    const client = app.client();
    await client.get('/login');
    await client.get('/copy');
    expect((await client.get('/whoami')).text).toBe('ada');
  });
});
