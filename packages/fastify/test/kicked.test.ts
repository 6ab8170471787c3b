import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { routes } from './app.js';
import { ENDINGS } from './endings.js';
import { KICKS, kickScene } from './kicks.js';
import { Gate } from './obstacles.js';
import { describeStacks } from './stacks.js';

describeStacks('kicked is out', 'fastify_kicked', (stack) => {
  describe.each(KICKS)('after %s', (kickedBy) => {
    it.each(Object.entries(ENDINGS))('a slow request that %s does not bring the session back', async (_, end) => {
      const { client, expectGone, gate, kick } = await kickScene(stack, kickedBy, (pause) => ({
        '/slow': async (request) => {
          await end(request, pause);
          return 'done';
        },
      }));
      const { sid } = client;
      const slow = client.get('/slow');
      await gate.reached;
      await kick(sid);
      gate.open();
      expect(await slow).toMatchObject({ status: 200, text: 'done' });
      await expectGone(sid);
    });

    it('a request whose body comes slowly does not bring the session back', async () => {
      const loaded = new Gate();
      const { app, client, expectGone, kick } = await kickScene(
        stack,
        kickedBy,
        () => ({
          '/slow': (request) => {
            request.session.note = request.body;
            return 'done';
          },
        }),
        // The plugin loads the session before the body has come.
        {
          after: (fastify) =>
            fastify.addHook('onRequest', async ({ method }) => void (method === 'POST' && loaded.pass())),
        },
      );
      const upload = httpRequest(`${app.origin}/slow`, {
        method: 'POST',
        headers: { cookie: client.header, 'content-type': 'text/plain' },
      });
      const answered = once(upload, 'response') as Promise<[IncomingMessage]>;
      upload.write('begun, ');
      await loaded.reached;
      await kick(client.sid);
      upload.end('done');
      const [answer] = await answered;
      expect((await answer.toArray()).join('')).toBe('done');
      await expectGone(client.sid);
    });

    it('a first request that has saved its session does not bring it back', async () => {
      const { app, expectGone, gate, kick, rows } = await kickScene(stack, kickedBy, (pause) => ({
        '/first': async (request) => {
          request.session.user = 'ada';
          await request.session.save();
          await pause();
          request.session.note = 'late';
          await request.session.save();
          request.session.note = 'later still';
          return 'done';
        },
      }));
      await kick((await rows())[0]?.sid); // the scene's own
      const client = app.client();
      const first = client.get('/first');
      await gate.reached;
      const sid = (await rows())[0]?.sid;
      await kick(sid);
      gate.open();
      expect(await first).toMatchObject({ status: 200, text: 'done' });
      await expectGone(sid);
    });

    it('a request that regenerates has a new session, and the old one stays ended', async () => {
      const { app, client, expectGone, gate, kick, rows } = await kickScene(stack, kickedBy, (pause) => ({
        '/slow': async (request) => {
          await pause();
          await request.session.regenerate();
          request.session.user = 'bob';
          return 'done';
        },
      }));
      const { sid } = client;
      const slow = client.get('/slow');
      await gate.reached;
      await kick(sid);
      gate.open();
      await slow;
      expect((await client.get('/whoami')).text).toBe('bob');
      expect((await rows()).map((row) => row.sid)).toEqual([client.sid]);
      await expectGone(sid, 1);
      expect(app.errors).toEqual([]);
    });

    it('trap: what regenerate carries over comes back under a new sid', async () => {
      const { client, expectGone, gate, kick } = await kickScene(stack, kickedBy, (pause) => ({
        '/slow': async (request) => {
          await pause();
          await request.session.regenerate(['user']);
          return 'done';
        },
      }));
      const { sid } = client;
      const slow = client.get('/slow');
      await gate.reached;
      await kick(sid);
      gate.open();
      await slow;
      await expectGone(sid, 1);
      expect((await client.get('/whoami')).text).toBe('ada');
    });

    it('a sid whose session was ended is not used again', async () => {
      const { client, expectGone, kick } = await kickScene(stack, kickedBy, () => routes);
      const { sid } = client;
      await kick(sid);
      expect((await client.get('/count')).text).toBe('1');
      expect(client.sid).not.toBe(sid);
      await expectGone(sid, 1);
    });
  });
});
