import { expect, it } from 'vitest';
import { called, type Handler, routes, startApp } from './app.js';
import { aWhile } from './obstacles.js';
import { describeStacks, rowOf, rowsOf, statementsOf } from './stacks.js';

describeStacks('life cycle', 'express_life_cycle', (stack) => {
  it('E1: a session that nobody uses costs no statement, no row and no cookie', async () => {
    const client = (await startApp(stack, routes)).client();
    const sent = await statementsOf(stack.knex(), async () => {
      expect(await client.get('/ignore')).toEqual({ status: 200, text: 'ignored', cookies: [] });
    });
    expect(sent).toEqual([]);
    expect(await rowsOf(stack)).toEqual([]);
  });

  it('E2: what a handler writes is one row, which the next request sees under the same sid', async () => {
    const client = (await startApp(stack, routes)).client();
    expect((await client.get('/count')).cookies).toHaveLength(1);
    const sid = client.sid();
    expect((await rowsOf(stack)).map((row) => row.sid)).toEqual([sid]);
    expect(await client.get('/count')).toEqual({ status: 200, text: '2', cookies: [] });
    expect(client.sid()).toBe(sid);
    expect((await rowsOf(stack)).map((row) => row.sid)).toEqual([sid]);
  });

  it('E3: a request that only reads moves the expiry, with 1 SELECT and 1 UPDATE, and leaves the data as it is', async () => {
    const app = await startApp(stack, routes, { session: { cookie: { maxAge: 60_000 } } });
    const client = app.client();
    await client.get('/login');
    const before = await rowOf(stack, client.sid());
    await aWhile();
    const sent = await statementsOf(stack.knex(), async () => {
      expect((await client.get('/whoami')).text).toBe('ada');
    });
    expect(sent).toEqual(['select', 'update']);
    const after = await rowOf(stack, client.sid());
    expect(after?.additional).toBe(before?.additional);
    expect(after?.expire_at).toBeGreaterThan(before?.expire_at ?? Number.POSITIVE_INFINITY);
  });

  it('E3: a maxAge that drifts by a millisecond, as it does in express-session, is no change', async () => {
    const paths: Readonly<Record<string, Handler>> = {
      ...routes,
      '/drift': (req, res) => {
        req.session.cookie.originalMaxAge = Number(req.session.cookie.originalMaxAge) - 1;
        res.end();
      },
    };
    const client = (await startApp(stack, paths, { session: { cookie: { maxAge: 60_000 } } })).client();
    await client.get('/login');
    const before = await rowOf(stack, client.sid());
    await aWhile();
    const sent = await statementsOf(stack.knex(), () => client.get('/drift'));
    expect(sent).toEqual(['select', 'update']);
    expect((await rowOf(stack, client.sid()))?.additional).toBe(before?.additional);
  });

  it('E3: with resave, each request saves once', async () => {
    const client = (await startApp(stack, routes, { session: { resave: true } })).client();
    await client.get('/login');
    const sent = await statementsOf(stack.knex(), () => client.get('/whoami'));
    expect(sent).toEqual(['select', 'update']);
  });

  it('saves a new session that nobody changed where saveUninitialized asks for it', async () => {
    const client = (await startApp(stack, routes, { session: { saveUninitialized: true } })).client();
    expect((await client.get('/ignore')).cookies).toHaveLength(1);
    expect((await rowsOf(stack)).map((row) => row.sid)).toEqual([client.sid()]);
  });

  it('E8: regenerate ends the old row and makes a new one under another sid', async () => {
    const app = await startApp(stack, {
      ...routes,
      '/signin': async (req, res) => {
        await called((done) => req.session.regenerate(done));
        req.session.user = 'ada';
        res.end();
      },
    });
    const client = app.client();
    await client.get('/count');
    const anonymous = client.sid();
    expect((await client.get('/signin')).cookies).toHaveLength(1);
    expect(client.sid()).not.toBe(anonymous);
    expect((await rowsOf(stack)).map((row) => row.sid)).toEqual([client.sid()]);
    expect((await client.get('/whoami')).text).toBe('ada');
    expect((await app.client().assume(anonymous).get('/whoami')).text).toBe('nobody');
  });

  it('E9: destroy ends the row, and the next request gets a new sid', async () => {
    const client = (await startApp(stack, routes)).client();
    await client.get('/login');
    const ended = client.sid();
    expect((await client.get('/logout')).text).toBe('out');
    expect(await rowsOf(stack)).toEqual([]);
    expect((await client.get('/count')).text).toBe('1');
    expect(client.sid()).not.toBe(ended);
    expect((await rowsOf(stack)).map((row) => row.sid)).toEqual([client.sid()]);
  });

  it('E10: unset destroy ends the session that a handler sets to null, or destroys and leaves unset', async () => {
    const app = await startApp(
      stack,
      {
        ...routes,
        '/null': (req, res) => {
          Object.assign(req, { session: null });
          res.end('gone');
        },
      },
      { session: { unset: 'destroy' } },
    );
    for (const path of ['/null', '/logout']) {
      const client = app.client();
      await client.get('/login');
      expect((await client.get(path)).status).toBe(200);
      expect(await rowsOf(stack)).toEqual([]);
      expect((await client.get('/whoami')).text).toBe('nobody');
    }
    expect(app.errors).toEqual([]);
  });

  it('E10: unset keep leaves the row of a session that a handler sets to null', async () => {
    const app = await startApp(stack, {
      ...routes,
      '/null': (req, res) => {
        req.session.user = 'bob';
        Object.assign(req, { session: null });
        res.end('kept');
      },
    });
    const client = app.client();
    await client.get('/login');
    const before = await rowsOf(stack);
    await client.get('/null');
    expect(await rowsOf(stack)).toEqual(before);
    expect((await client.get('/whoami')).text).toBe('ada');
  });

  it('E11: a session that was destroyed and then saved in one request stays gone', async () => {
    const app = await startApp(stack, {
      ...routes,
      '/zombie': async (req, res) => {
        const { session } = req;
        await called((done) => session.destroy(done));
        session.user = 'zombie';
        await called((done) => session.save(done));
        res.end('saved without an error');
      },
    });
    const client = app.client();
    await client.get('/login');
    expect((await client.get('/zombie')).text).toBe('saved without an error');
    expect(await rowsOf(stack)).toEqual([]);
    expect((await client.get('/whoami')).text).toBe('nobody');
    expect(app.errors).toEqual([]);
  });
});
