import { describe, expect, it } from 'vitest';
import type { SessionContext } from './contexts.js';
import { type End, expectKicked, kicksFromOutside, kicksOn, scene } from './kick.js';
import { describeStacks, EVERYWHERE, SESSION } from './stacks.js';

const ENDINGS: Readonly<Record<string, End<SessionContext>>> = {
  'only reads': (_, pause) => pause(),
  'changes the session': async (ctx, pause) => {
    await pause();
    ctx.session.note = 'late';
  },
  'changed the session before': async (ctx, pause) => {
    ctx.session.note = 'early';
    await pause();
  },
  'changes its maxAge': async (ctx, pause) => {
    await pause();
    ctx.session.maxAge = 3_600_000;
  },
  'replaces the session by a literal': async (ctx, pause) => {
    await pause();
    ctx.session = { user: 'ada', note: 'late' };
  },
  'replaces the session by a spread': async (ctx, pause) => {
    await pause();
    ctx.session = { ...ctx.session, note: 'late' };
  },
  'replaced the session before': async (ctx, pause) => {
    ctx.session = { ...ctx.session, note: 'early' };
    await pause();
  },
  'sets the session to null, and replaces it': async (ctx, pause) => {
    await pause();
    ctx.session = null;
    ctx.session = { user: 'ada', note: 'late' };
  },
  'saves and changes again': async (ctx, pause) => {
    ctx.session.note = 'early';
    await ctx.session.save();
    await pause();
    ctx.session.note = 'late';
    await ctx.session.save();
    ctx.session.note = 'later still';
  },
  'saved twice before': async (ctx, pause) => {
    for (const note of ['early', 'less early']) {
      ctx.session.note = note;
      await ctx.session.save();
    }
    await pause();
    ctx.session.note = 'late';
  },
  'saves a literal and changes again': async (ctx, pause) => {
    ctx.session = { user: 'ada', note: 'early' };
    await ctx.session.save();
    await pause();
    ctx.session = { user: 'ada', note: 'late' };
  },
  'saves too late': async (ctx, pause) => {
    await pause();
    ctx.session.note = 'late';
    await ctx.session.save();
  },
};

describeStacks(
  'kicked is out',
  'koa_session_kicked',
  SESSION,
  (stack) => {
    describe.each(kicksOn(stack))('after %s', (kickedBy) => {
      const readOnly: End<SessionContext> = (_, pause) => pause();
      it.each([
        ...Object.entries(ENDINGS).map(([name, end]) => [name, end, {}] as const),
        ['only reads, with rolling,', readOnly, { rolling: true }] as const,
      ])('a slow request that %s does not bring the session back', async (_, end, session) => {
        await expectKicked(stack, kickedBy, end, { session });
      });

      it('a request whose body comes slowly does not bring the session back', async () => {
        const readBody: End<SessionContext> = async (ctx, pause) => {
          for await (const _ of ctx.req) await pause();
          ctx.session = { ...ctx.session, note: 'late' };
        };
        await expectKicked(stack, kickedBy, readBody, { slowBody: true });
      });
    });

    it.each(Object.keys(ENDINGS))('a slow request that %s leaves alone a new session under its key', async (name) => {
      const end: End<SessionContext> = ENDINGS[name] ?? (() => {});
      const { app, client, gate, kick, rows } = await scene(stack, 'a DELETE in another process', end, {
        genid: () => 'reused',
      });
      await client.get('/login');
      const slow = client.get('/slow');
      await gate.reached;
      await kick();
      const bob = app.client();
      await bob.get('/login-bob');
      const born = await rows();
      expect(born).toHaveLength(1);
      gate.open();
      expect(await slow).toMatchObject({ status: 200, text: 'done' });
      expect(await rows()).toEqual(born);
      expect((await bob.get('/whoami')).text).toBe('bob');
      expect(app.errors).toEqual([]);
    });

    it.each(kicksFromOutside(stack))(
      'after %s, a request that made the session does not bring it back',
      async (kickedBy) => {
        const { client, gate, kick, rows } = await scene(stack, kickedBy, async (ctx, pause) => {
          ctx.session.user = 'ada';
          await ctx.session.save();
          await pause();
          ctx.session.note = 'late';
          await ctx.session.save();
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

    it.each(kicksFromOutside(stack))(
      'after %s, a request that regenerated the session does not bring the new one back',
      async (kickedBy) => {
        const { client, gate, kick, rows } = await scene(stack, kickedBy, async (ctx, pause) => {
          await ctx.session.regenerate();
          await pause();
          ctx.session.note = 'late';
        });
        await client.get('/login');
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
