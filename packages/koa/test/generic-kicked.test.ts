import { describe, expect, it } from 'vitest';
import type { GenericContext } from './contexts.js';
import { type End, expectKicked, kicksFromOutside, kicksOn, scene } from './kick.js';
import { describeStacks, EVERYWHERE, GENERIC } from './stacks.js';

const ENDINGS: Readonly<Record<string, End<GenericContext>>> = {
  'only reads': (_, pause) => pause(),
  *'changes the session'(ctx, pause) {
    yield pause();
    ctx.session.note = 'late';
  },
  *'changed the session before'(ctx, pause) {
    ctx.session.note = 'early';
    yield pause();
  },
  *'changes its cookie'(ctx, pause) {
    yield pause();
    ctx.session.cookie.maxAge = 3_600_000;
  },
  *'forces a save'(ctx, pause) {
    yield pause();
    ctx.sessionSave = true;
  },
  *'replaces the session by a literal'(ctx, pause) {
    yield pause();
    ctx.session = { cookie: ctx.session.cookie, user: 'ada', note: 'late' };
  },
  *'replaces the session by a spread'(ctx, pause) {
    yield pause();
    ctx.session = { ...ctx.session, note: 'late' };
  },
  *'replaced the session before'(ctx, pause) {
    ctx.session = { ...ctx.session, note: 'early' };
    yield pause();
  },
  *'replaces a session that it replaced before'(ctx, pause) {
    ctx.session = { ...ctx.session, note: 'early' };
    yield pause();
    ctx.session = { user: 'ada', note: 'late' };
  },
};

const SAVING: Readonly<Record<string, End<GenericContext>>> = {
  *'saves and changes again'(ctx, pause) {
    ctx.session.note = 'early';
    yield ctx.saveSession();
    yield pause();
    ctx.session.note = 'late';
  },
  *'saved twice before'(ctx, pause) {
    for (const note of ['early', 'less early']) {
      ctx.session.note = note;
      yield ctx.saveSession();
    }
    yield pause();
    ctx.session.note = 'late';
  },
  *'saves a literal and changes again'(ctx, pause) {
    ctx.session = { user: 'ada', note: 'early' };
    yield ctx.saveSession();
    yield pause();
    ctx.session = { user: 'ada', note: 'late' };
  },
  *'saves too late'(ctx, pause) {
    yield pause();
    ctx.session.note = 'late';
    yield ctx.saveSession();
  },
  *'saves too late, and changes again'(ctx, pause) {
    ctx.session.note = 'early';
    yield pause();
    for (const note of ['late', 'later', 'later still']) {
      yield ctx.saveSession();
      ctx.session.note = note;
    }
  },
  *'saves what it saved before too late'(ctx, pause) {
    ctx.session = { user: 'ada', note: 'early' };
    yield ctx.saveSession();
    yield pause();
    ctx.session.note = 'late';
    yield ctx.saveSession();
  },
};

describeStacks(
  'kicked is out',
  'koa_generic_kicked',
  GENERIC,
  (stack) => {
    const endings = { ...ENDINGS, ...(stack.generators ? {} : SAVING) };

    describe.each(kicksOn(stack))('after %s', (kickedBy) => {
      it.each([
        ...Object.entries(endings).map(([name, end]) => [name, end, {}] as const),
        ['only reads, with rolling,', (_: unknown, pause: () => unknown) => pause(), { rolling: true }] as const,
      ])('a slow request that %s does not bring the session back', async (_, end, session) => {
        await expectKicked(stack, kickedBy, end, { session });
      });

      it('a request whose body comes slowly does not bring the session back', async () => {
        const readBody: End<GenericContext> = function* (ctx, pause) {
          const chunks = ctx.req[Symbol.asyncIterator]();
          for (let read = { done: false }; !read.done; ) {
            read = (yield chunks.next()) as typeof read;
            yield pause();
          }
          ctx.session = { ...ctx.session, note: 'late' };
        };
        await expectKicked(stack, kickedBy, readBody, { slowBody: true });
      });

      it('a request that regenerates has its new session, and does not bring the old one back', async () => {
        const { client, gate, kick, rows } = await scene(stack, kickedBy, function* (ctx, pause) {
          yield pause();
          yield ctx.regenerateSession();
          ctx.session.user = 'bob';
        });
        await client.get('/login');
        const old = client.copy();
        const slow = client.get('/slow');
        await gate.reached;
        await kick();
        gate.open();
        await slow;
        expect((await rows()).map(({ sid }) => sid)).toEqual([`koa:sess:${client.cookie('koa.sid')}`]);
        expect((await client.get('/whoami')).text).toBe('bob');
        expect((await old.get('/whoami')).text).toBe('nobody');
      });
    });

    it.each(Object.keys(endings))('a slow request that %s leaves alone a new session under its sid', async (name) => {
      const end: End<GenericContext> = endings[name] ?? (() => {});
      const { app, client, gate, kick, rows } = await scene(stack, 'a DELETE in another process', end, {
        genSid: () => 'reused',
      });
      await client.get('/login');
      const slow = client.get('/slow');
      await gate.reached;
      await kick();
      const bob = app.client();
      await bob.get('/login-bob');
      const [born, ...others] = await rows();
      expect(others).toEqual([]);
      gate.open();
      expect(await slow).toMatchObject({ status: 200, text: 'done' });
      expect(await rows()).toEqual([born]);
      expect((await bob.get('/whoami')).text).toBe('bob');
      expect(app.errors).toEqual([]);
    });

    if (stack.generators) return;

    it.each(kicksFromOutside(stack))(
      'after %s, a request that made the session does not bring it back',
      async (kickedBy) => {
        const { client, gate, kick, rows } = await scene(stack, kickedBy, function* (ctx, pause) {
          ctx.session.user = 'ada';
          yield ctx.saveSession();
          yield pause();
          ctx.session.note = 'late';
          yield ctx.saveSession();
          ctx.session.note = 'later still';
        });
        const slow = client.get('/slow');
        await gate.reached;
        await kick();
        gate.open();
        expect((await slow).status).toBe(200);
        expect(await rows()).toEqual([]);
      },
    );
  },
  EVERYWHERE,
);
