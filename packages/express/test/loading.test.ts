import { expect, it } from 'vitest';
import { called, coreOf, routes, startApp } from './app.js';
import { describeStacks, rowOf, rowsOf } from './stacks.js';

describeStacks('loading', 'express_loading', (stack) => {
  it('E18: reload sees what another request wrote, and a save after it keeps that', async () => {
    const app = await startApp(stack, {
      ...routes,
      '/reload': async (req, res) => {
        await app.client().assume(req.sessionID).get('/count');
        expect(req.session.n).toBeUndefined();
        await called((done) => req.session.reload(done));
        req.session.user = `ada, ${req.session.n}`;
        res.end(req.session.user);
      },
    });
    const client = app.client();
    await client.get('/login');
    expect((await client.get('/reload')).text).toBe('ada, 1');
    expect((await client.get('/whoami')).text).toBe('ada, 1');
    expect((await client.get('/count')).text).toBe('2');
  });

  it('E18: reload of a session that was ended fails, as express-session says it', async () => {
    const app = await startApp(stack, {
      ...routes,
      '/reload': async (req, res) => {
        await app.client().assume(req.sessionID).get('/logout');
        await called((done) => req.session.reload(done)).catch((error) => res.end(String(error)));
      },
    });
    const client = app.client();
    await client.get('/login');
    expect((await client.get('/reload')).text).toBe('Error: failed to load session');
    expect(await rowsOf(stack)).toEqual([]);
  });

  it('E19: store.load gives a Session whose cookie expires at a Date', async () => {
    const app = await startApp(stack, routes, { session: { cookie: { maxAge: 60_000 } } });
    const client = app.client();
    await client.get('/login');
    const load = (sid: string) =>
      new Promise<unknown>((resolve, reject) => {
        app.store.load(sid, (error, loaded) => (error ? reject(error) : resolve(loaded)));
      });
    expect(await load(client.sid())).toMatchObject({
      id: client.sid(),
      user: 'ada',
      cookie: { originalMaxAge: expect.closeTo(60_000, -3), expires: expect.any(Date) },
      save: expect.any(Function),
    });
    expect(await load('there-is-none')).toBeUndefined();
  });

  it('E20: a row without a cookie is a session of the browser, and gets a cookie when it is saved', async () => {
    const core = await coreOf(stack);
    await core.set('made-by-a-script', { user: 'ada' });
    const app = await startApp(stack, routes, { core });
    const client = app.client().assume('made-by-a-script');
    expect((await client.get('/whoami')).text).toBe('ada');
    expect((await client.get('/count')).text).toBe('1');
    expect(client.sid()).toBe('made-by-a-script');
    const row = await rowOf(stack, 'made-by-a-script');
    expect(JSON.parse(row?.additional ?? '')).toMatchObject({
      user: 'ada',
      n: 1,
      cookie: { expires: null, originalMaxAge: null },
    });
    expect(app.errors).toEqual([]);
  });
});
