import { createRequire } from 'node:module';
import session from 'express-session';
import { expect, it } from 'vitest';
import { ExpressSessionStore } from '../src/index.js';
import { coreOf, routes, startApp } from './app.js';
import { describeNewest, EXPRESSES, SESSIONS } from './stacks.js';

const require = createRequire(import.meta.url);
const versionOf = (name: string) => (require(`${name}/package.json`) as { version: string }).version;

describeNewest('versions', 'express_versions', (stack) => {
  it('the tests run on the versions that they name', () => {
    expect(versionOf('express')).toMatch(/^5\./);
    expect(versionOf('express-4')).toMatch(/^4\./);
    expect(versionOf('express-session')).toMatch(/^1\.19\./);
    expect(versionOf('express-session-1.18')).toMatch(/^1\.18\./);
    expect(versionOf('express-session-1.17')).toMatch(/^1\.17\./);
    expect(new Set([...Object.values(EXPRESSES), ...Object.values(SESSIONS)]).size).toBe(5);
  });

  it('the store is a Store of the express-session that is installed, and need be of no other', async () => {
    const store = new ExpressSessionStore(await coreOf(stack));
    expect(store).toBeInstanceOf(session.Store);
    expect(store).not.toBeInstanceOf(SESSIONS['v1.17'].Store);
  });

  it('processes of all versions serve one session in turns', async () => {
    const core = await coreOf(stack);
    const apps = await Promise.all(
      Object.values(EXPRESSES).flatMap((express) =>
        Object.values(SESSIONS).map((session) =>
          startApp({ ...stack, express, session }, routes, { core, session: { cookie: { maxAge: 3_600_000 } } }),
        ),
      ),
    );
    const [first] = apps;
    if (first === undefined) throw new Error('There is no application.');
    const client = first.client();
    await client.get('/login');
    for (let n = 1; n <= 2 * apps.length; n++) {
      const visitor = apps[n % apps.length]?.client().assume(client.sid());
      expect((await visitor?.get('/count'))?.text).toBe(String(n));
      expect((await visitor?.get('/whoami'))?.text).toBe('ada');
      expect(visitor?.sid()).toBe(client.sid());
    }
    for (const { errors } of apps) expect(errors).toEqual([]);
    const { cookie } = (await first.store.get(client.sid())) ?? {};
    expect(cookie?.originalMaxAge).toEqual(expect.closeTo(3_600_000, -6));
    expect(await core.count('all')).toBe(1);
  });

  it('keeps the cookie attributes of the newest version, and its options made for each request', async () => {
    const options = { rolling: true, cookie: () => ({ priority: 'high', partitioned: true, maxAge: 60_000 }) as const };
    const client = (await startApp(stack, routes, { session: options })).client();
    for (const path of ['/login', '/whoami', '/count']) {
      expect((await client.get(path)).cookies[0]).toMatch(/; Expires=.*; Priority=High.*/);
      expect((await client.get(path)).cookies[0]).toMatch(/; Partitioned/);
    }
  });
});
