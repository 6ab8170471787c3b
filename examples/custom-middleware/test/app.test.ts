import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi, openSessions } from '../src/api.js';
import { Client, makeFolder, serve } from './start.js';

let folder: Awaited<ReturnType<typeof makeFolder>>;
let store: ReturnType<typeof openSessions>;
let server: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  folder = await makeFolder();
  store = openSessions(folder.file);
  server = await serve(createApi(store));
});
afterAll(async () => {
  await server.stop();
  await store.close();
  await folder.remove();
});

describe('visits', () => {
  it('are counted for each browser', async () => {
    const [ada, bob] = [new Client(server.url), new Client(server.url)];
    expect([await ada.visits(), await ada.visits(), await bob.visits(), await ada.visits()]).toEqual([1, 2, 1, 3]);
    expect(ada.sid).toMatch(/^[\w-]{43}$/);
    expect(ada.sid).not.toBe(bob.sid);
  });

  it('are remembered by another server over the same file', async () => {
    const client = new Client(server.url);
    await client.visits();
    const other = openSessions(folder.file);
    const second = await serve(createApi(other));
    expect(await new Client(second.url, client.sid).visits()).toBe(2);
    await second.stop();
    await other.close();
    expect(await client.visits()).toBe(3);
  });

  it.each(['', 'short', 'x'.repeat(5000), 'a'.repeat(43), '%00', '"quoted"', '%F0%9F%99%82'])(
    'begin anew under the cookie %j, which is none of ours',
    async (sid) => {
      const client = new Client(server.url, sid);
      expect(await client.visits()).toBe(1);
      expect(client.sid).toMatch(/^[\w-]{43}$/);
      expect(client.sid).not.toBe(sid);
    },
  );

  it('keep the session alive for as long as was asked', async () => {
    const hour = 3_600_000;
    const second = await serve(createApi(store, { maxAge: hour }));
    const client = new Client(second.url);
    for (const visits of [1, 2]) {
      const asked = Date.now();
      expect(await client.visits()).toBe(visits);
      const [row] = await store.repo().where({ sid: client.sid }).select('expire_at');
      const end = Number(row?.expire_at);
      expect(end).toBeGreaterThanOrEqual(asked + hour);
      expect(end).toBeLessThanOrEqual(Date.now() + hour);
      expect(client.setCookie).toContain('Max-Age=3600;');
    }
    await second.stop();
  });

  it('begin anew when the session has expired', async () => {
    const brief = openSessions(folder.file);
    const second = await serve(createApi(brief, { maxAge: 300 }));
    const client = new Client(second.url);
    await client.visits();
    const { sid = '' } = client;
    await expect.poll(() => brief.get(sid), { timeout: 10_000 }).toBeNull();
    expect(await client.visits()).toBe(1);
    expect(client.sid).not.toBe(sid);
    await second.stop();
    await brief.close();
  });
});

describe('the cookie', () => {
  it('is for this site and not for scripts', async () => {
    const client = new Client(server.url);
    await client.visits();
    expect(client.setCookie?.replace(/^sid=[^;]*/, 'sid')).toBe('sid; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax');
  });

  it('goes through TLS only where that is asked for', async () => {
    const second = await serve(createApi(store, { secure: true }));
    const client = new Client(second.url);
    await client.visits();
    expect(client.setCookie).toContain('; Secure');
    await second.stop();
  });

  it('is not given to whoever has nothing to remember', async () => {
    const before = await store.count('all');
    const client = new Client(server.url);
    expect((await client.send('/nowhere')).status).toBe(404);
    expect(client.setCookie).toBeUndefined();
    expect(await store.count('all')).toBe(before);
  });
});

describe('signing in and out', () => {
  it('changes the sid, and ends the session that was there', async () => {
    const client = new Client(server.url);
    await client.visits();
    const before = client.sid ?? '';
    expect(await client.post('/sign-in', { name: 'ada' })).toEqual({ status: 200, body: { user: 'ada' } });
    expect(client.sid).not.toBe(before);
    expect(await store.get(before)).toBeNull();
    expect(await client.send('/')).toEqual({ status: 200, body: { user: 'ada', visits: 2 } });
    expect(await store.count({ user_id: 'ada' })).toBe(1);
  });

  it('ends the session at signing out', async () => {
    const client = new Client(server.url);
    await client.post('/sign-in', { name: 'bob' });
    const { sid } = client;
    expect((await client.post('/sign-out')).status).toBe(204);
    expect(client.setCookie).toBe('sid=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax');
    expect(await store.count({ user_id: 'bob' })).toBe(0);
    expect((await new Client(server.url, sid).send('/')).body).toEqual({ user: null, visits: 1 });
  });

  it('signs out a browser whose session is ended elsewhere', async () => {
    const [here, there] = [new Client(server.url), new Client(server.url)];
    for (const client of [here, there]) await client.post('/sign-in', { name: 'eve' });
    expect(await store.destroyWhere({ user_id: 'eve' }, { except: here.sid ?? '' })).toBe(1);
    expect((await there.send('/')).body).toEqual({ user: null, visits: 1 });
    expect((await here.send('/')).body).toEqual({ user: 'eve', visits: 1 });
  });

  it.each([
    ['no JSON', 'name=eve', 'application/json', 422],
    ['no name', {}, 'application/json', 422],
    ['null', null, 'application/json', 422],
    ['an empty name', { name: '' }, 'application/json', 422],
    ['a long name', { name: 'x'.repeat(101) }, 'application/json', 422],
    ['a long body', { name: 'x', rest: 'x'.repeat(200_000) }, 'application/json', 422],
    ['a form', 'name=eve', 'application/x-www-form-urlencoded', 415],
    ['text, as a form of another site can send it', { name: 'eve' }, 'text/plain', 415],
  ])('refuses %s', async (_, body, type, status) => {
    const client = new Client(server.url);
    expect((await client.post('/sign-in', body, type)).status).toBe(status);
    expect((await client.send('/')).body).toEqual({ user: null, visits: 1 });
  });
});

describe('requests at once', () => {
  it('begin a session each', async () => {
    const clients = Array.from({ length: 40 }, () => new Client(server.url));
    expect(await Promise.all(clients.map((client) => client.visits()))).toEqual(clients.map(() => 1));
    expect(new Set(clients.map(({ sid }) => sid)).size).toBe(40);
    expect(await Promise.all(clients.map((client) => client.visits()))).toEqual(clients.map(() => 2));
  });

  it('of one session are all answered, and leave it alive', async () => {
    const first = new Client(server.url);
    await first.post('/sign-in', { name: 'many' });
    const clients = Array.from({ length: 20 }, () => new Client(server.url, first.sid));
    const seen = await Promise.all(clients.map((client) => client.visits()));
    for (const visits of seen) expect(visits).toBeGreaterThan(0);
    expect(clients.map(({ sid }) => sid)).toEqual(clients.map(() => first.sid));
    expect(await store.count({ user_id: 'many' })).toBe(1);
    const next = await first.visits(); // the last save wins, so visits at once can count as one
    expect(next).toBeGreaterThanOrEqual(2);
    expect(next).toBeLessThanOrEqual(21);
  });

  it('do not keep alive a session that one of them ends', async () => {
    const first = new Client(server.url);
    await first.post('/sign-in', { name: 'leaving' });
    const { sid } = first;
    const visits = Array.from({ length: 20 }, () => new Client(server.url, sid).send('/'));
    const out = new Client(server.url, sid).post('/sign-out');
    for (const { status } of await Promise.all(visits)) expect(status).toBe(200);
    expect((await out).status).toBe(204);
    expect(await store.count({ user_id: 'leaving' })).toBe(0);
  });
});
