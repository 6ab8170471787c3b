import { describe, expect, it } from 'vitest';
import { Client } from './client.js';
import { endingSessions } from './ending-suite.js';
import type { TestedApp } from './start.js';
import { useVisits } from './visits.js';

/** What every example does over HTTP, whatever its framework. */
export function describeApp(title: string, tested: TestedApp): void {
  describe(title, () => suite(tested));
}

function suite(tested: TestedApp): void {
  const visits = useVisits(tested);

  describe('signing in', () => {
    it('makes a session, and a visit alone makes none', async () => {
      const fresh = await tested.start();
      try {
        const client = new Client(fresh.url);
        for (const path of ['/', '/style.css', '/icon.svg', '/nowhere']) await client.get(path);
        await client.post('/sign-in', { name: 'forged' });
        expect(client.cookie).toBeUndefined();
        expect(await fresh.core.count('all')).toBe(0);
        await client.signIn('ada');
        expect(await fresh.core.count('all')).toBe(1);
      } finally {
        await fresh.stop();
      }
    });

    it('is asked of whoever is not', async () => {
      const anonymous = visits.visitor();
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
      const client = visits.visitor();
      await client.get('/sign-in');
      const before = visits.sidOf(client);
      await client.signIn('regenerated');
      expect(before).not.toBe('');
      expect(visits.sidOf(client)).not.toBe(before);
      expect(await visits.core.get(before)).toBeNull();
      expect(await visits.core.get(visits.sidOf(client))).toMatchObject({ user_id: 'regenerated' });
    });

    it('trims the name', async () => {
      const client = await visits.signedIn('  Grace Hopper ');
      expect(await visits.core.get(visits.sidOf(client))).toMatchObject({ user_id: 'Grace Hopper' });
    });

    it.each([
      ['nothing', ''],
      ['spaces', '   '],
      ['101 characters', 'x'.repeat(101)],
      ['a control character', 'a\0b'],
    ])('refuses %s on the form', async (_, name) => {
      const client = visits.visitor();
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
      const client = await visits.signedIn(name);
      expect(await visits.core.count({ user_id: name })).toBe(1);
      expect((await client.get('/')).status).toBe(200);
    });

    it('keeps at most 255 characters of the user agent', async () => {
      const client = await visits.signedIn('long agent', { 'user-agent': 'a'.repeat(300) });
      expect(await visits.core.get(visits.sidOf(client))).toMatchObject({ user_agent: 'a'.repeat(255) });
    });

    it('is not asked for again', async () => {
      const client = await visits.signedIn('once');
      expect((await client.get('/sign-in')).headers.get('location')).toBe('/');
    });
  });

  describe('the list', () => {
    it('has the sessions of the account and no others', async () => {
      const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0';
      await visits.signedIn('bob', { 'user-agent': firefox });
      await visits.signedIn('BOB', { 'user-agent': 'elsewhere/1.0' });
      const html = await (await (await visits.signedIn('bob', { 'user-agent': 'curl/8.5.0' })).get('/')).text();
      expect(html).toContain('Firefox on Windows');
      expect(html).toContain('curl');
      expect(html).not.toContain('elsewhere');
    });

    it('shows when a session was last seen and when it began', async () => {
      const other = await visits.signedIn('timed');
      await other.get('/'); // the next visit changes nothing in the session, and counts all the same
      const client = await visits.signedIn('timed');
      const hour = 3_600_000;
      await visits.core
        .repo()
        .where({ sid: visits.sidOf(other) })
        .update({ created_at: Date.now() - 50 * hour, updated_at: Date.now() - 3.5 * hour });
      const html = await (await client.get('/')).text();
      expect(html).toMatch(/Last seen <time datetime="[^"]+Z" title="[^"]+ UTC">3 hours ago</);
      expect(html).toMatch(/Signed in <time datetime="[^"]+Z" title="[^"]+ UTC">2 days ago</);
      const [line] = (await other.get('/')).headers.getSetCookie();
      expect(line).toMatch(/^kss\.sid=[^;]+;.* expires=/i); // the browser keeps it for longer, too
      expect(await (await client.get('/')).text()).toMatch(/Last seen <time [^>]+>just now</);
    });

    it('holds handles and no sids', async () => {
      const other = await visits.signedIn('handles');
      const client = await visits.signedIn('handles');
      const html = await (await client.get('/')).text();
      const [handle] = (await visits.core.find({ user_id: 'handles' }, { current: visits.sidOf(client) })).filter(
        (s) => !s.current,
      );
      expect(html).toContain(`action="/sessions/${handle?.handle}/end"`);
      for (const visitor of [client, other]) {
        for (const secret of [visits.sidOf(visitor), String(visitor.cookie)]) {
          expect(secret.length).toBeGreaterThanOrEqual(32);
          expect(html).not.toContain(secret);
        }
      }
    });
  });

  endingSessions(visits);

  describe('headers', () => {
    it('keep scripts, frames and other sites out', async () => {
      const { headers } = await visits.visitor().get('/sign-in');
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain('unsafe');
      expect(policy).not.toContain('script-src');
      expect(headers.get('x-powered-by')).toBeNull();
      expect(headers.get('cache-control')).toBe('no-store');
    });

    it('make a cookie that scripts and other sites do not get', async () => {
      const lines = (await visits.visitor().get('/sign-in')).headers.getSetCookie();
      expect(lines).not.toEqual([]);
      for (const line of lines) {
        expect(line).toMatch(/; HttpOnly/i);
        expect(line).toMatch(/; SameSite=Lax/i);
        expect(line).not.toMatch(/; Secure/i);
      }
    });

    it('make it secure behind TLS', async () => {
      const behind = await tested.start({ proxies: 1 });
      try {
        const { headers } = await new Client(behind.url, { 'x-forwarded-proto': 'https' }).get('/sign-in');
        expect(headers.getSetCookie()).not.toEqual([]);
        for (const line of headers.getSetCookie()) expect(line).toMatch(/; Secure/i);
      } finally {
        await behind.stop();
      }
    });
  });

  describe('errors', () => {
    it('show a page', async () => {
      const client = visits.visitor();
      const missing = await client.get('/nowhere');
      expect(missing.status).toBe(404);
      expect(await missing.text()).toContain('Page not found');
      expect((await client.post('/sign-in', { name: 'x'.repeat(20_000) })).status).toBe(413);
    });

    it('are not made by an address that cannot be decoded', async () => {
      const response = await visits.visitor().post('/sessions/%E0%A4%A/end');
      if (response.status === 303) expect(response.headers.get('location')).toBe('/sign-in');
      else
        expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('That did not work')]);
    });
  });
}
