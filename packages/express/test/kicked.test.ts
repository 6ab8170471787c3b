import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { called, coreOf, type Handler, routes, type SessionApp, startApp } from './app.js';
import { Gate } from './obstacles.js';
import { twoProcesses } from './processes.js';
import { describeStacks, rowOf, rowsOf, type Stack } from './stacks.js';

type End = (req: Parameters<Handler>[0], pause: () => Promise<void>) => unknown;

/** How a request of a session that was loaded can end, with a pause in which the session is ended. */
const ENDINGS: Readonly<Record<string, End>> = {
  'only reads': (_, pause) => pause(),
  'changes the session': async (req, pause) => {
    await pause();
    req.session.note = 'late';
  },
  'changed the session before': async (req, pause) => {
    req.session.note = 'early';
    await pause();
  },
  'changes its cookie': async (req, pause) => {
    await pause();
    req.session.cookie.maxAge = 3_600_000;
  },
  'saves and changes again': async (req, pause) => {
    req.session.note = 'early';
    await called((done) => req.session.save(done));
    await pause();
    req.session.note = 'late';
    await called((done) => req.session.save(done));
    req.session.note = 'later still';
  },
  'saved twice before': async (req, pause) => {
    for (const note of ['early', 'less early']) {
      req.session.note = note;
      await called((done) => req.session.save(done));
    }
    await pause();
    req.session.note = 'late';
  },
  'reloads too late': async (req, pause) => {
    await pause();
    await expect(called((done) => req.session.reload(done))).rejects.toThrow('failed to load session');
    req.session.note = 'late';
  },
  'reloaded before': async (req, pause) => {
    await called((done) => req.session.reload(done));
    await pause();
    req.session.note = 'late';
  },
  'replaces the session by a literal': async (req, pause) => {
    await pause();
    const { cookie } = req.session;
    req.sessionStore.createSession(req, { cookie, user: 'ada', note: 'late' });
  },
  'replaces the session by a spread': async (req, pause) => {
    await pause();
    req.sessionStore.createSession(req, { ...req.session, note: 'late' });
  },
};

describeStacks('kicked is out', 'express_kicked', (given) => {
  /** A slow request and what its session is ended with while it waits. */
  async function scene(kickedBy: string, end: End, session = {}) {
    const { stack, elsewhere } = await twoProcesses(given);
    const gate = new Gate();
    const core = await coreOf(stack, { schemas: [{ name: 'user', type: 'string', args: [100], index: true }] });
    const paths: Readonly<Record<string, Handler>> = {
      ...routes,
      '/slow': async (req, res) => {
        await end(req, () => gate.pass());
        res.end('done');
      },
    };
    const app = await startApp(stack, paths, { core, session });
    const kick = {
      'a logout': (sid: string) => app.client().assume(sid).get('/logout'),
      destroyWhere: () => core.destroyWhere({ user: 'ada' }),
      'a DELETE in another process': (sid: string) => elsewhere.repo().where({ sid }).delete(),
    }[kickedBy];
    if (kick === undefined) throw new Error(`There is no kick by ${kickedBy}.`);
    return { app, gate, kick, stack };
  }

  async function expectGone(app: SessionApp, stack: Stack, sid: string): Promise<void> {
    expect(await rowOf(stack, sid)).toBeUndefined();
    expect((await app.client().assume(sid).get('/whoami')).text).toBe('nobody');
    expect(app.errors).toEqual([]);
  }

  describe.each(['a logout', 'destroyWhere', 'a DELETE in another process'])('after %s', (kickedBy) => {
    it.each([
      ...Object.entries(ENDINGS).map(([name, end]) => [name, end, {}] as const),
      ['only reads, with resave,', ENDINGS['only reads'] ?? (() => {}), { resave: true }] as const,
    ])('a slow request that %s does not bring the session back', async (_, end, session) => {
      const { app, gate, kick, stack } = await scene(kickedBy, end, session);
      const client = app.client();
      await client.get('/login');
      const sid = client.sid();
      const slow = client.get('/slow');
      await gate.reached;
      await kick(sid);
      gate.open();
      expect(await slow).toMatchObject({ status: 200, text: 'done' });
      await expectGone(app, stack, sid);
    });

    it('a request that made the session does not bring it back', async () => {
      const { app, gate, kick, stack } = await scene(kickedBy, async (req, pause) => {
        req.session.user = 'ada';
        await called((done) => req.session.save(done));
        await pause();
        req.session.note = 'late';
      });
      const client = app.client();
      const slow = client.get('/slow');
      await gate.reached;
      const sid = String((await rowsOf(stack))[0]?.sid);
      await kick(sid);
      gate.open();
      expect(await slow).toMatchObject({ status: 200, text: 'done' });
      await expectGone(app, stack, sid);
    });

    it('a request whose body comes slowly does not bring the session back', async () => {
      const { app, gate, kick, stack } = await scene(kickedBy, async (req, pause) => {
        let first = true;
        for await (const chunk of req) {
          if (first) await pause();
          first = false;
          req.session.note = String(chunk);
        }
      });
      const client = app.client();
      await client.get('/login');
      const sid = client.sid();
      const options = { port: app.port, path: '/slow', method: 'POST', headers: { cookie: client.cookieHeader } };
      const upload = request({ host: '127.0.0.1', ...options });
      const answered = once(upload, 'response') as Promise<[IncomingMessage]>;
      upload.write('first');
      await gate.reached;
      await kick(sid);
      gate.open();
      upload.end('last');
      const [answer] = await answered;
      expect((await answer.toArray()).join('')).toBe('done');
      await expectGone(app, stack, sid);
    });

    it('a request that regenerates has the new session, and does not bring the old one back', async () => {
      const { app, gate, kick, stack } = await scene(kickedBy, async (req, pause) => {
        await pause();
        await called((done) => req.session.regenerate(done));
        req.session.user = 'bob';
      });
      const client = app.client();
      await client.get('/login');
      const sid = client.sid();
      const slow = client.get('/slow');
      await gate.reached;
      await kick(sid);
      gate.open();
      await slow;
      await expectGone(app, stack, sid);
      expect((await client.get('/whoami')).text).toBe('bob');
      expect((await rowsOf(stack)).map((row) => row.sid)).toEqual([client.sid()]);
    });

    it.each(['changes the session', 'saves and changes again', 'reloaded before', 'changes its cookie'])(
      'a slow request that %s leaves alone a new session under the same sid',
      async (name) => {
        const end: End = ENDINGS[name] ?? (() => {});
        const { app, gate, kick, stack } = await scene(kickedBy, end, { genid: () => 'reused' });
        const first = app.client();
        await first.get('/login');
        const slow = first.get('/slow');
        await gate.reached;
        await kick('reused');
        const second = app.client();
        await second.get('/count');
        expect(second.sid()).toBe('reused');
        gate.open();
        expect((await slow).text).toBe('done');
        const session = JSON.parse((await rowOf(stack, 'reused'))?.additional ?? '');
        expect(session).toEqual({ cookie: expect.anything(), n: 1 });
        expect((await second.get('/whoami')).text).toBe('nobody');
        expect((await second.get('/count')).text).toBe('2');
        expect(app.errors).toEqual([]);
      },
    );

    it('a sid whose session is gone is not used again', async () => {
      const { app, kick, stack } = await scene(kickedBy, () => {});
      const client = app.client();
      await client.get('/login');
      const sid = client.sid();
      await kick(sid);
      expect((await client.get('/count')).text).toBe('1');
      expect(client.sid()).not.toBe(sid);
      await expectGone(app, stack, sid);
    });
  });
});
