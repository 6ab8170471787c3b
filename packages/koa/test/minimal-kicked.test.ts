import { describe, expect, it } from 'vitest';
import type { MinimalContext } from './contexts.js';
import { type End, expectKicked, kicksOn, scene } from './kick.js';
import { describeStacks, EVERYWHERE, MINIMAL } from './stacks.js';

const ENDINGS: Readonly<Record<string, End<MinimalContext>>> = {
  'only reads': (_, pause) => pause(),
  'changes the session': async (ctx, pause) => {
    await pause();
    ctx.session.note = 'late';
  },
  'changed the session before': async (ctx, pause) => {
    ctx.session.note = 'early';
    await pause();
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
};

describeStacks(
  'kicked is out',
  'koa_minimal_kicked',
  MINIMAL,
  (stack) => {
    describe.each(kicksOn(stack))('after %s', (kickedBy) => {
      it.each(Object.entries(ENDINGS))('a slow request that %s does not bring the session back', async (_, end) => {
        await expectKicked(stack, kickedBy, end);
      });

      it('a request whose body comes slowly does not bring the session back', async () => {
        const readBody: End<MinimalContext> = async (ctx, pause) => {
          for await (const _ of ctx.req) await pause();
          ctx.session = { ...ctx.session, note: 'late' };
        };
        await expectKicked(stack, kickedBy, readBody, { slowBody: true });
      });
    });

    // The middleware uses a sid again after its session is gone.
    it.each(Object.entries(ENDINGS))('a slow request that %s leaves alone a new session of its sid', async (_, end) => {
      const { app, client, gate, kick, rows } = await scene(stack, 'a DELETE in another process', end);
      await client.get('/login');
      const bob = client.copy();
      const slow = client.get('/slow');
      await gate.reached;
      await kick();
      expect((await bob.get('/whoami')).text).toBe('nobody');
      await bob.get('/login-bob');
      const born = await rows();
      expect(born.map(({ additional }) => JSON.parse(additional))).toEqual([{}]);
      gate.open();
      expect(await slow).toMatchObject({ status: 200, text: 'done' });
      expect(await rows()).toEqual(born);
      expect((await bob.get('/whoami')).text).toBe('bob');
      expect((await bob.get('/count')).text).toBe('1');
      expect((await bob.get('/count')).text).toBe('2');
      expect(app.errors).toEqual([]);
    });

    it('a request that empties its session leaves nothing', async () => {
      await expectKicked(stack, 'destroyWhere', async (ctx, pause) => {
        await pause();
        ctx.session = null;
      });
    });

    it('a sid whose session is gone has a new session when it is used again', async () => {
      const { client, kick, rows } = await scene(stack, 'destroyWhere', () => {});
      await client.get('/login');
      const sid = client.cookie('koa:sess');
      await kick();
      expect((await client.get('/count')).text).toBe('1');
      expect((await client.get('/whoami')).text).toBe('nobody');
      expect(client.cookie('koa:sess')).toBe(sid);
      expect(await rows()).toHaveLength(1);
    });
  },
  EVERYWHERE,
);
