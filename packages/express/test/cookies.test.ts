import { expect, it } from 'vitest';
import { ExpressSessionStore } from '../src/index.js';
import { coreOf, type Handler, route, routes, serve, startApp } from './app.js';
import { SECRET } from './client.js';
import { describeStacks, rowOf, rowsOf } from './stacks.js';

const login: Handler = (req, res) => {
  req.session.user = String(req.query.as);
  res.end('in');
};

describeStacks('cookies and sids', 'express_cookies', (stack) => {
  it('E21: ids of any kind are kept apart', async () => {
    const sids = [
      'x'.repeat(1000),
      `${'x'.repeat(999)}y`,
      'long'.repeat(1000),
      'abc',
      'ABC',
      'abc ',
      ' abc',
      'sëssion–☃💥',
      'se\u0308ssion–☃💥',
      `o'"\`; drop table ${stack.table}; -- $1 ?`,
      'nul\u0000here',
      'sha256.abc',
    ];
    const left = [...sids];
    const app = await startApp(stack, { ...routes, '/login': login }, { session: { genid: () => left.shift() ?? '' } });
    const clients = sids.map(() => app.client());
    for (const [i, client] of clients.entries()) await client.get(`/login?as=user-${i}`);
    expect(clients.map((client) => client.sid())).toEqual(sids);
    for (const [i, client] of clients.entries()) expect((await client.get('/whoami')).text).toBe(`user-${i}`);

    expect(await rowsOf(stack)).toHaveLength(sids.length);
    await clients[3]?.get('/logout');
    expect(await app.store.length()).toBe(sids.length - 1);
    expect((await clients[4]?.get('/whoami'))?.text).toBe('user-4');
    expect(app.errors).toEqual([]);
  });

  it('E21: an id that is presented and was never given opens nothing and is not kept', async () => {
    const app = await startApp(stack, routes);
    const owner = app.client();
    await owner.get('/login');
    const thief = app.client().assume(owner.sid().toUpperCase());
    expect((await thief.get('/whoami')).text).toBe('nobody');
    expect((await thief.get('/count')).text).toBe('1');
    expect(thief.sid()).not.toBe(owner.sid().toUpperCase());
  });

  it('E21: an empty id is refused once, and stores nothing', async () => {
    const app = await startApp(stack, routes, { session: { genid: () => '' } });
    expect((await app.client().get('/login')).text).toBe('in');
    expect(app.errors).toMatchObject([{ code: 'INVALID_SID' }]);
    expect(await rowsOf(stack)).toEqual([]);
  });

  it('E23: a store that says disconnect has no sessions until it says connect', async () => {
    const paths = {
      ...routes,
      '/there': ((req, res) => res.end(req.session === undefined ? 'no session' : req.session.user)) satisfies Handler,
    };
    const app = await startApp(stack, paths);
    const client = app.client();
    await client.get('/login');
    app.store.emit('disconnect');
    expect(await client.get('/there')).toEqual({ status: 200, text: 'no session', cookies: [] });
    app.store.emit('connect');
    expect((await client.get('/there')).text).toBe('ada');
  });

  it('E25: two session() over one core keep their own cookies', async () => {
    const core = await coreOf(stack);
    const kinds = {
      shop: { maxAge: 3_600_000, path: '/shop' },
      admin: { maxAge: 60_000, path: '/admin', sameSite: 'strict' },
    } as const;
    const app = await serve(stack, (express) => {
      for (const [name, cookie] of Object.entries(kinds)) {
        const options = { name, cookie, secret: SECRET, resave: false, saveUninitialized: false };
        express.use(`/${name}`, stack.session({ ...options, store: new ExpressSessionStore(core) }));
        express.all(`/${name}/login`, route(login));
        express.all(
          `/${name}/whoami`,
          route((req, res) => res.end(req.session.user ?? 'nobody')),
        );
      }
    });
    const client = app.client();
    const [shop] = (await client.get('/shop/login?as=ada')).cookies;
    const [admin] = (await client.get('/admin/login?as=root')).cookies;
    expect(shop).toMatch(/^shop=.*Path=\/shop/);
    expect(shop).not.toContain('SameSite');
    expect(admin).toMatch(/^admin=.*Path=\/admin.*SameSite=Strict/);

    const expiry = async (name: string) => (await rowOf(stack, client.sid(name)))?.expire_at ?? Number.NaN;
    expect((await expiry('shop')) - (await expiry('admin'))).toBeGreaterThan(3_000_000);
    expect((await client.get('/shop/whoami')).text).toBe('ada');
    expect((await client.get('/admin/whoami')).text).toBe('root');
    expect((await expiry('shop')) - (await expiry('admin'))).toBeGreaterThan(3_000_000);
    expect(await core.count('all')).toBe(2);
  });

  it('many session() over one store cause no warning of too many listeners', async () => {
    const warnings: Error[] = [];
    const record = (warning: Error) => warnings.push(warning);
    process.on('warning', record);
    try {
      const store = new ExpressSessionStore(await coreOf(stack));
      for (let i = 0; i < 20; i++) stack.session({ store, secret: SECRET, resave: false, saveUninitialized: false });
      await new Promise(setImmediate);
      expect(warnings).toEqual([]);
    } finally {
      process.removeListener('warning', record);
    }
  });
});
