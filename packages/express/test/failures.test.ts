import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import { expect, it } from 'vitest';
import { called, coreOf, type Handler, routes, startApp } from './app.js';
import { aWhile, recordFaults, refuse, until } from './obstacles.js';
import { describeStacks, rowOf, rowsOf } from './stacks.js';

const refused = expect.objectContaining({ name: 'KssError', message: expect.stringContaining('refused by a trigger') });

describeStacks('a statement that fails', 'express_failures', (stack) => {
  it('E8: regenerate whose DELETE fails says so, and the new session is usable', async () => {
    const app = await startApp(stack, {
      ...routes,
      '/signin': async (req, res) => {
        const error = await called((done) => req.session.regenerate(done)).catch((caught) => caught);
        req.session.user = 'ada';
        res.end(String(error));
      },
    });
    const client = app.client();
    await client.get('/count');
    const anonymous = client.sid();
    const allow = await refuse(stack, 'delete');
    expect((await client.get('/signin')).text).toContain('refused by a trigger');
    expect(client.sid()).not.toBe(anonymous);
    expect((await client.get('/whoami')).text).toBe('ada');
    await allow();
    expect((await rowsOf(stack)).map((row) => row.sid).sort()).toEqual([anonymous, client.sid()].sort());
    expect(app.errors).toEqual([]);
  });

  it('E9: destroy whose DELETE fails says so once, with a callback or without', async () => {
    const faults = recordFaults();
    const said: unknown[] = [];
    const app = await startApp(stack, {
      ...routes,
      '/logout': (req, res) => {
        req.session.destroy((error) => {
          said.push(error);
          res.end('tried');
        });
      },
      '/logout-and-forget': (req, res) => {
        Reflect.apply(req.session.destroy, req.session, []); // as code without types calls it
        res.end('sent');
      },
    });
    const client = app.client();
    await client.get('/login');
    const allow = await refuse(stack, 'delete');
    expect((await client.get('/logout')).text).toBe('tried');
    expect(said).toEqual([refused]);
    expect((await client.get('/logout-and-forget')).text).toBe('sent');
    await aWhile();
    expect(faults).toEqual([]);
    expect((await client.get('/whoami')).text).toBe('ada');
    await allow();
    await client.get('/logout-and-forget');
    expect((await client.get('/whoami')).text).toBe('nobody');
    expect(app.errors).toEqual([]);
  });

  it('E10: unset destroy whose DELETE fails answers, and the error handler hears of it once', async () => {
    const nulled: Handler = (req, res) => {
      Object.assign(req, { session: null });
      res.end('answered');
    };
    const app = await startApp(stack, { ...routes, '/null': nulled }, { session: { unset: 'destroy' } });
    const client = app.client();
    await client.get('/login');
    await refuse(stack, 'delete');
    expect(await client.get('/null')).toMatchObject({ status: 200, text: 'answered' });
    await until(() => expect(app.errors).toHaveLength(1));
    expect(app.errors).toEqual([refused]);
  });

  it.each([
    ['E15: a first save', 'insert', '/count', ''],
    ['E15: a later save', 'update', '/count', '/login'],
    ['E16: a touch', 'update', '/whoami', '/login'],
  ] as const)(
    '%s that fails answers 200, and the error handler hears of it once',
    async (_, statement, path, before) => {
      const faults = recordFaults();
      const app = await startApp(stack, routes, { core: await coreOf(stack), session: { cookie: { maxAge: 60_000 } } });
      const client = app.client();
      if (before !== '') await client.get(before);
      const rows = await rowsOf(stack);
      const allow = await refuse(stack, statement);
      await sleep(10); // so that a touch would be seen
      expect(await client.get(path)).toMatchObject({ status: 200, text: path === '/count' ? '1' : 'ada' });
      await until(() => expect(app.errors).toHaveLength(1));
      expect(app.errors).toEqual([refused]);
      expect(await rowsOf(stack)).toEqual(rows);
      await allow();
      expect((await client.get('/count')).text).toBe('1');
      expect((await client.get('/count')).text).toBe('2');
      await aWhile();
      expect(app.errors).toHaveLength(1);
      expect(faults).toEqual([]);
    },
  );

  it('E17: a session that JSON cannot hold reaches the error handler once, and the stored one stays as it is', async () => {
    // express-session itself makes JSON of the data before it calls the store, but not of the cookie.
    const spoil: Handler = (req, res) => {
      Object.assign(req.session.cookie, { sameSite: 1n });
      res.end('answered');
    };
    const paths: Readonly<Record<string, Handler>> = {
      ...routes,
      '/touch': spoil,
      '/save': (req, res) => {
        req.session.n = 7;
        return spoil(req, res);
      },
    };
    const faults = recordFaults();
    const app = await startApp(stack, paths);
    const client = app.client();
    await client.get('/login');
    const before = (await rowOf(stack, client.sid()))?.additional;
    const unserializable = expect.objectContaining({ code: 'UNSERIALIZABLE' });
    expect(await client.get('/touch')).toMatchObject({ status: 200, text: 'answered' });
    await until(() => expect(app.errors).toHaveLength(1));
    expect(await client.get('/save')).toMatchObject({ status: 200, text: 'answered' });
    await until(() => expect(app.errors).toHaveLength(2));
    expect(app.errors).toEqual([unserializable, unserializable]);
    expect((await rowOf(stack, client.sid()))?.additional).toBe(before);
    expect((await client.get('/whoami')).text).toBe('ada');
    expect(faults).toEqual([]);
  });

  it('E17: data that JSON cannot hold comes back as an error of the call', async () => {
    const { store } = await startApp(stack, routes);
    const circle: Record<string, unknown> = {};
    circle.itself = circle;
    for (const data of [circle, { big: 1n }]) {
      const session = { cookie: { originalMaxAge: null }, note: data };
      const error = await called((done) => store.set('a-sid', session, done)).catch((caught) => caught);
      expect(error).toMatchObject({ code: 'UNSERIALIZABLE' });
    }
    expect(await rowsOf(stack)).toEqual([]);
  });

  it.each([
    ['NOT NULL column and an anonymous session', (column: Knex.ColumnBuilder) => column.notNullable(), undefined],
    ['value that its column cannot hold', () => {}, 12],
  ])('a %s: the error names the column, and nothing is stored', async (_, extra, user) => {
    const core = await coreOf(stack, { schemas: [{ name: 'user', type: 'string', args: [100], extra }] });
    const app = await startApp(
      stack,
      {
        ...routes,
        '/browse': (req, res) => {
          Object.assign(req.session, { n: 1, ...(user !== undefined && { user }) });
          res.end('browsed');
        },
      },
      { core },
    );
    const client = app.client();
    expect(await client.get('/browse')).toMatchObject({ status: 200, text: 'browsed' });
    const named = expect.objectContaining({ code: 'COLUMN_VALUE', message: expect.stringContaining("'user'") });
    await until(() => expect(app.errors).toHaveLength(1));
    expect(app.errors).toEqual([named]);
    expect(await rowsOf(stack)).toEqual([]);
    await client.get('/login');
    expect((await client.get('/whoami')).text).toBe('ada');
    expect(app.errors).toHaveLength(1);
  });
});
