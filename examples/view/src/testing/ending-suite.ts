import { describe, expect, it } from 'vitest';
import type { Client } from './client.js';
import type { Visits } from './visits.js';

/** How sessions are ended, and by whom they are not. */
export function endingSessions(visits: Visits): void {
  describe('ending sessions', () => {
    it('ends the one that is meant', async () => {
      const [kept, ended, client] = [
        await visits.signedIn('one'),
        await visits.signedIn('one'),
        await visits.signedIn('one'),
      ];
      const handle = await handleOf(ended, 'one');
      const response = await client.post(`/sessions/${handle}/end`, { _csrf: await client.token('/') });
      expect(response.status).toBe(303);
      expect(await (await client.get('/')).text()).toContain('The session was ended.');
      expect((await ended.get('/')).headers.get('location')).toBe('/sign-in');
      expect(await (await ended.get('/sign-in')).text()).toContain('Your session has ended.');
      expect((await kept.get('/')).status).toBe(200);
    });

    it('ends all others', async () => {
      const others = [await visits.signedIn('all'), await visits.signedIn('all')];
      const stranger = await visits.signedIn('not all');
      const client = await visits.signedIn('all');
      await client.post('/sessions/end-others', { _csrf: await client.token('/') });
      expect(await (await client.get('/')).text()).toContain('2 other sessions were ended.');
      for (const other of others) expect((await other.get('/')).headers.get('location')).toBe('/sign-in');
      expect((await stranger.get('/')).status).toBe(200);
    });

    it('ends nothing by the handle of another account', async () => {
      const victim = await visits.signedIn('victim');
      const handle = await handleOf(victim, 'victim');
      const client = await visits.signedIn('mallory');
      await client.post(`/sessions/${handle}/end`, { _csrf: await client.token('/') });
      expect(await (await client.get('/')).text()).toContain('That session had ended already.');
      expect((await victim.get('/')).status).toBe(200);
      expect((await client.get('/')).status).toBe(200);
    });

    it('ends this one by signing out', async () => {
      const client = await visits.signedIn('out');
      const [sid, { cookie }] = [visits.sidOf(client), client];
      await client.post('/sign-out', { _csrf: await client.token('/') });
      expect(client.cookie).not.toBe(cookie);
      expect(await visits.core.get(sid)).toBeNull();
      expect(await (await client.get('/sign-in')).text()).toContain('You are signed out.');
      expect(await (await client.get('/sign-in')).text()).not.toContain('You are signed out.');
    });

    async function handleOf(client: Client, name: string): Promise<string> {
      const found = await visits.core.find({ user_id: name }, { current: visits.sidOf(client) });
      return found.find(({ current }) => current)?.handle ?? '';
    }
  });

  describe('forged forms', () => {
    it.each([
      ['no token', {}],
      ['a wrong one', { _csrf: '0'.repeat(64) }],
    ])('with %s are refused, and end nothing', async (_, fields) => {
      const other = await visits.signedIn('forged');
      const client = await visits.signedIn('forged');
      await client.get('/');
      const infos = await visits.core.find({ user_id: 'forged' });
      const paths = ['/sessions/end-others', '/sign-out', ...infos.map(({ handle }) => `/sessions/${handle}/end`)];
      for (const path of paths) expect((await client.post(path, fields)).status).toBe(403);
      expect((await visits.visitor().post('/sign-in', { ...fields, name: 'forged' })).status).toBe(403);
      expect((await client.get('/')).status).toBe(200);
      expect((await other.get('/')).status).toBe(200);
      expect(await visits.core.count({ user_id: 'forged' })).toBe(infos.length);
    });

    it('with the token of another session are refused', async () => {
      const client = await visits.signedIn('borrowed');
      const token = await (await visits.signedIn('lender')).token('/');
      expect((await client.post('/sign-out', { _csrf: token })).status).toBe(403);
    });

    it('with the token from before signing in are refused', async () => {
      const client = visits.visitor();
      const token = await client.token('/sign-in');
      await client.post('/sign-in', { _csrf: token, name: 'fixed' });
      await client.get('/');
      expect((await client.post('/sign-out', { _csrf: token })).status).toBe(403);
    });
  });
}
