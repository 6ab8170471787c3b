import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { coreOf, startApp } from './app.js';
import { type Data, type GenericContext, type Routes, routes } from './contexts.js';
import { expectKicked, kicksOn, scene } from './kick.js';
import { Gate, until } from './obstacles.js';
import { describeStacks, EVERYWHERE, GENERIC, onlyRow, rowsOf } from './stacks.js';

const nothing = () => new Promise((resolve) => setImmediate(resolve));

describeStacks(
  'what a request remembers',
  'koa_request_context',
  GENERIC,
  (stack) => {
    it('is forgotten by the next request of its connection', async () => {
      const core = await coreOf(stack, { schemas: [{ name: 'user', type: 'string', args: [100] }] });
      const more: Routes<GenericContext> = {
        ...routes,
        '/login-bob': (ctx) => {
          ctx.session.user = 'bob';
          ctx.body = 'in';
        },
      };
      const app = await startApp(stack, more, { core, session: { genSid: () => 'reused' } });
      const client = app.client();
      await client.get('/login');

      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      onTestFinished(() => agent.destroy());
      const ports = new Set<number | undefined>();
      const onOneConnection = async (path: string, cookie?: string) => {
        const sent = get({ host: '127.0.0.1', port: app.port, agent, path, headers: cookie ? { cookie } : {} });
        sent.on('socket', (socket) => socket.once('connect', () => ports.add(socket.localPort)));
        const [answer] = await once(sent, 'response');
        return (await answer.toArray()).join('');
      };
      expect(await onOneConnection('/whoami', client.cookieHeader)).toBe('ada');
      await core.destroyWhere({ user: 'ada' });
      expect(await onOneConnection('/login-bob')).toBe('in');
      expect(await onOneConnection('/whoami', client.cookieHeader)).toBe('bob');
      expect((await onlyRow(stack)).sid).toBe('koa:sess:reused');
      expect(ports.size).toBe(1);
    });

    it('is not seen by a request that was sent behind it on the same connection', async () => {
      const { app, client, gate, rows } = await scene(stack, 'a logout', function* (ctx, pause) {
        yield pause();
        ctx.session.note = 'late';
        if (!stack.generators) yield ctx.saveSession();
      });
      await client.get('/login');
      const socket = connect(app.port, '127.0.0.1');
      onTestFinished(() => void socket.destroy());
      let answers = '';
      socket.on('data', (chunk) => {
        answers += String(chunk);
      });
      for (const path of ['/slow', '/logout']) {
        socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nCookie: ${client.cookieHeader}\r\n\r\n`);
      }
      await gate.reached;
      await until(async () => expect(await rows()).toEqual([]));
      gate.open();
      await until(() => expect(answers.match(/HTTP\/1.1 200 OK/g)).toHaveLength(2));
      expect(await rows()).toEqual([]);
    });

    describe.each(kicksOn(stack))('after %s', (kickedBy) => {
      it('is known where the session was read late, and is replaced', async () => {
        const end = function* (ctx: GenericContext, pause: () => Promise<void>) {
          yield nothing();
          const session = (yield ctx.session) as Data;
          yield pause();
          ctx.session = { ...session, note: 'late' };
        };
        const { client, gate, kick, rows } = await scene(stack, kickedBy, end, { defer: true });
        await client.get('/login-deferred');
        const slow = client.get('/slow');
        await gate.reached;
        await kick();
        gate.open();
        expect((await slow).text).toBe('done');
        expect(await rows()).toEqual([]);
      });

      it('is known where the handler read another session, and replaces its own', async () => {
        await expectKicked(stack, kickedBy, function* (ctx, pause) {
          const { client } = ctx.sessionStore as { client: { get(sid: string): Promise<unknown> } };
          yield client.get('koa:sess:another');
          yield pause();
          ctx.session = { ...ctx.session, note: 'late' };
        });
      });
    });

    it('begins with the session over HTTP/2', async () => {
      const core = await coreOf(stack, { schemas: [{ name: 'user', type: 'string', args: [100] }] });
      const gate = new Gate();
      const app = await startApp(
        stack,
        {
          ...routes,
          '/slow': function* (ctx: GenericContext) {
            yield gate.pass();
            ctx.session = { ...ctx.session, note: 'late' };
            ctx.body = 'done';
          },
        },
        { core },
      );
      const server = createHttp2Server(app.koa.callback() as unknown as Parameters<typeof createHttp2Server>[1]);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      onTestFinished(async () => {
        session.destroy();
        server.close();
        await once(server, 'close');
      });
      const request = async (path: string) => {
        const stream = session.request({ ':path': path, cookie: client.cookieHeader });
        return (await stream.toArray()).join('');
      };
      const client = app.client();
      await client.get('/login');
      expect(await request('/whoami')).toBe('ada');
      const slow = request('/slow');
      await gate.reached;
      await core.destroyWhere({ user: 'ada' });
      gate.open();
      expect(await slow).toBe('done');
      expect(await rowsOf(stack)).toEqual([]);
    });
  },
  EVERYWHERE,
);
