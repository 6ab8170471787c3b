import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from './client.js';
import { type RunningApp, startApp } from './start.js';

let app: RunningApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.stop());

async function signedIn(name: string, headers?: Record<string, string>): Promise<Client> {
  const client = new Client(app.url, headers);
  expect((await client.signIn(name)).headers.get('location')).toBe('/');
  return client;
}

describe('signing in', () => {
  it('is asked of whoever is not', async () => {
    const anonymous = new Client(app.url);
    for (const response of [
      await anonymous.get('/'),
      await anonymous.post('/sign-out'),
      await anonymous.post('/sessions/end-others'),
      await anonymous.post('/sessions/any/end'),
    ]) {
      expect(response.status).toBe(303);
      expect(response.headers.get('location')).toBe('/sign-in');
    }
    expect(anonymous.cookie).toBeUndefined();
  });

  it('gives the session a new id, and ends the old one', async () => {
    const client = new Client(app.url);
    await client.get('/sign-in');
    const before = client.sid;
    await client.signIn('regenerated');
    expect(before).not.toBe('');
    expect(client.sid).not.toBe(before);
    expect(await app.core.get(before)).toBeNull();
    expect(await app.core.get(client.sid)).toMatchObject({ user_id: 'regenerated' });
  });

  it('trims the name', async () => {
    const client = await signedIn('  Grace Hopper ');
    expect(await app.core.get(client.sid)).toMatchObject({ user_id: 'Grace Hopper' });
  });

  it.each([
    ['nothing', ''],
    ['spaces', '   '],
    ['101 characters', 'x'.repeat(101)],
    ['a control character', 'a\0b'],
  ])('refuses %s on the form', async (_, name) => {
    const client = new Client(app.url);
    const response = await client.signIn(name);
    expect(response.status).toBe(422);
    expect(await response.text()).toContain('role="alert"');
    expect((await client.get('/')).headers.get('location')).toBe('/sign-in');
  });

  it.each([
    ['100 characters', 'x'.repeat(100)],
    ['100 characters beyond the basic plane', '𝒳'.repeat(100)],
    ['an e-mail address', 'ada+1@example.org'],
    ['quotes', `O'Neil "Bob"; --`],
  ])('takes %s', async (_, name) => {
    const client = await signedIn(name);
    expect(await app.core.count({ user_id: name })).toBe(1);
    expect((await client.get('/')).status).toBe(200);
  });

  it('keeps at most 255 characters of the user agent', async () => {
    const client = await signedIn('long agent', { 'user-agent': 'a'.repeat(300) });
    expect(await app.core.get(client.sid)).toMatchObject({ user_agent: 'a'.repeat(255) });
  });

  it('is not asked for again', async () => {
    const client = await signedIn('once');
    expect((await client.get('/sign-in')).headers.get('location')).toBe('/');
  });
});

describe('the list', () => {
  it('has the sessions of the account and no others', async () => {
    const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0';
    await signedIn('bob', { 'user-agent': firefox });
    await signedIn('BOB', { 'user-agent': 'elsewhere/1.0' });
    const html = await (await (await signedIn('bob', { 'user-agent': 'curl/8.5.0' })).get('/')).text();
    expect(html).toContain('Firefox on Windows');
    expect(html).toContain('curl');
    expect(html).not.toContain('elsewhere');
  });

  it('shows when a session was last seen and when it began', async () => {
    const other = await signedIn('timed');
    const client = await signedIn('timed');
    const hour = 3_600_000;
    await app.core
      .repo()
      .where({ sid: other.sid })
      .update({ created_at: Date.now() - 50 * hour, updated_at: Date.now() - 3.5 * hour });
    const html = await (await client.get('/')).text();
    expect(html).toMatch(/Last seen <time datetime="[^"]+Z" title="[^"]+ UTC">3 hours ago</);
    expect(html).toMatch(/Signed in <time datetime="[^"]+Z" title="[^"]+ UTC">2 days ago</);
    await other.get('/');
    expect(await (await client.get('/')).text()).toMatch(/Last seen <time [^>]+>just now</);
  });

  it('holds handles and no sids', async () => {
    const other = await signedIn('handles');
    const client = await signedIn('handles');
    const html = await (await client.get('/')).text();
    const [handle] = (await app.core.find({ user_id: 'handles' }, { current: client.sid })).filter((s) => !s.current);
    expect(html).toContain(`action="/sessions/${handle?.handle}/end"`);
    for (const { cookie, sid } of [client, other]) {
      expect(sid).toHaveLength(32);
      expect(html).not.toContain(sid);
      expect(html).not.toContain(cookie);
    }
  });
});

describe('ending sessions', () => {
  it('ends the one that is meant', async () => {
    const [kept, ended, client] = [await signedIn('one'), await signedIn('one'), await signedIn('one')];
    const handle = await handleOf(ended, 'one');
    const response = await client.post(`/sessions/${handle}/end`, { _csrf: await client.token('/') });
    expect(response.status).toBe(303);
    expect(await (await client.get('/')).text()).toContain('The session was ended.');
    expect((await ended.get('/')).headers.get('location')).toBe('/sign-in');
    expect(await (await ended.get('/sign-in')).text()).toContain('Your session has ended.');
    expect((await kept.get('/')).status).toBe(200);
  });

  it('ends all others', async () => {
    const others = [await signedIn('all'), await signedIn('all')];
    const stranger = await signedIn('not all');
    const client = await signedIn('all');
    await client.post('/sessions/end-others', { _csrf: await client.token('/') });
    expect(await (await client.get('/')).text()).toContain('2 other sessions were ended.');
    for (const other of others) expect((await other.get('/')).headers.get('location')).toBe('/sign-in');
    expect((await stranger.get('/')).status).toBe(200);
  });

  it('ends nothing by the handle of another account', async () => {
    const victim = await signedIn('victim');
    const handle = await handleOf(victim, 'victim');
    const client = await signedIn('mallory');
    await client.post(`/sessions/${handle}/end`, { _csrf: await client.token('/') });
    expect(await (await client.get('/')).text()).toContain('That session had ended already.');
    expect((await victim.get('/')).status).toBe(200);
    expect((await client.get('/')).status).toBe(200);
  });

  it('ends this one by signing out', async () => {
    const client = await signedIn('out');
    const { sid, cookie } = client;
    await client.post('/sign-out', { _csrf: await client.token('/') });
    expect(client.cookie).not.toBe(cookie);
    expect(await app.core.get(sid)).toBeNull();
    expect(await (await client.get('/sign-in')).text()).toContain('You are signed out.');
    expect(await (await client.get('/sign-in')).text()).not.toContain('You are signed out.');
  });

  async function handleOf(client: Client, name: string): Promise<string> {
    const found = await app.core.find({ user_id: name }, { current: client.sid });
    return found.find(({ current }) => current)?.handle ?? '';
  }
});

describe('forged forms', () => {
  it.each([
    ['no token', {}],
    ['a wrong one', { _csrf: '0'.repeat(64) }],
  ])('with %s are refused, and end nothing', async (_, fields) => {
    const other = await signedIn('forged');
    const client = await signedIn('forged');
    await client.get('/');
    const infos = await app.core.find({ user_id: 'forged' });
    const paths = ['/sessions/end-others', '/sign-out', ...infos.map(({ handle }) => `/sessions/${handle}/end`)];
    for (const path of paths) expect((await client.post(path, fields)).status).toBe(403);
    expect((await new Client(app.url).post('/sign-in', { ...fields, name: 'forged' })).status).toBe(403);
    expect((await client.get('/')).status).toBe(200);
    expect((await other.get('/')).status).toBe(200);
    expect(await app.core.count({ user_id: 'forged' })).toBe(infos.length);
  });

  it('with the token of another session are refused', async () => {
    const client = await signedIn('borrowed');
    const token = await (await signedIn('lender')).token('/');
    expect((await client.post('/sign-out', { _csrf: token })).status).toBe(403);
  });
});

describe('headers', () => {
  it('keep scripts, frames and other sites out', async () => {
    const { headers } = await new Client(app.url).get('/sign-in');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(policy).not.toContain('script-src');
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('make a cookie that scripts and other sites do not get', async () => {
    const [line] = (await new Client(app.url).get('/sign-in')).headers.getSetCookie();
    expect(line).toMatch(/; HttpOnly/);
    expect(line).toMatch(/; SameSite=Lax/);
    expect(line).not.toMatch(/; Secure/);
  });

  it('make it secure behind TLS', async () => {
    const behind = await startApp({ proxies: 1 });
    try {
      const [line] = (
        await new Client(behind.url, { 'x-forwarded-proto': 'https' }).get('/sign-in')
      ).headers.getSetCookie();
      expect(line).toMatch(/; Secure/);
    } finally {
      await behind.stop();
    }
  });
});

describe('errors', () => {
  it('show a page', async () => {
    const client = new Client(app.url);
    const missing = await client.get('/nowhere');
    expect(missing.status).toBe(404);
    expect(await missing.text()).toContain('Page not found');
    expect((await (await signedIn('bad path')).post('/sessions/%E0%A4%A/end')).status).toBe(400);
    expect((await client.post('/sign-in', { name: 'x'.repeat(20_000) })).status).toBe(413);
  });
});
