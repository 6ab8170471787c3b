import { expect, it } from 'vitest';
import { routes, startApp } from './app.js';
import { Gate } from './obstacles.js';
import { describeStacks, rowsOf } from './stacks.js';

describeStacks('sids', 'fastify_sids', (stack) => {
  const rows = () => rowsOf(stack, stack.knex());
  const own = { secure: false };

  it('F20: sids of any kind are kept apart', async () => {
    const sids = [
      'x'.repeat(1002),
      `${'x'.repeat(1001)}y`,
      'abc',
      'ABC',
      'abc ',
      ' abc',
      'a.b.c',
      'sëssion–☃💥',
      'se\u0308ssion–☃💥',
      `o'"\`; drop table ${stack.table}; -- $1 ?`,
      'nul\u0000here',
      'sha256.abc',
    ];
    const left = [...sids];
    const app = await startApp(
      stack,
      {
        ...routes,
        '/login': (request) => {
          request.session.user = (request.query as { as: string }).as;
          return 'in';
        },
      },
      { session: { cookie: own, idGenerator: () => left.shift() ?? 'none is left' } },
    );
    const clients = sids.map(() => app.client());
    for (const [i, client] of clients.entries()) await client.get(`/login?as=user-${i}`);
    expect(clients.map(({ sid }) => sid)).toEqual(sids);
    for (const [i, client] of clients.entries()) expect((await client.get('/whoami')).text).toBe(`user-${i}`);
    expect(await rows()).toHaveLength(sids.length);
    await clients[2]?.get('/logout');
    expect((await clients[3]?.get('/whoami'))?.text).toBe('user-3');
    expect(await rows()).toHaveLength(sids.length - 1);
    expect(app.errors).toEqual([]);
  });

  it('F20: a generator that gives no sid is answered with 500, and stores nothing', async () => {
    const app = await startApp(stack, routes, { session: { cookie: own, idGenerator: () => '\ud800' } });
    expect((await app.client().get('/login')).status).toBe(500);
    expect(await rows()).toEqual([]);
  });

  it('a cookie with a wrong signature opens nothing, and its sid is not used', async () => {
    const app = await startApp(stack, routes);
    const owner = app.client();
    await owner.get('/login');
    const thief = app.client();
    thief.jar.set('sessionId', `${owner.sid}.${'a'.repeat(43)}`);
    expect((await thief.get('/whoami')).text).toBe('nobody');
    await thief.get('/count');
    expect(thief.sid).not.toBe(owner.sid);
  });

  it('trap: a sid that is given again stays ended in the process that had loaded its session, and mixes nothing', async () => {
    const gate = new Gate();
    const paths = {
      ...routes,
      '/slow': (async (request) => {
        await gate.pass();
        request.session.note = 'late';
        return 'done';
      }) satisfies (typeof routes)['/logout'],
    };
    const session = { cookie: own, idGenerator: () => 'given-twice' };
    const [app, another] = [await startApp(stack, paths, { session }), await startApp(stack, paths, { session })];
    const first = app.client();
    await first.get('/login');
    const slow = first.get('/slow');
    await gate.reached;
    await first.get('/logout');
    expect((await app.client().get('/count')).text).toBe('1');
    expect(await rows()).toEqual([]);
    await another.client().get('/count');
    gate.open();
    await slow;
    expect(await rows()).toMatchObject([{ sid: 'given-twice', session: { n: 1 } }]);
    expect((await rows())[0]?.session).not.toHaveProperty('note');
  });
});
