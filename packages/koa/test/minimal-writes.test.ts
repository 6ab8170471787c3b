import { expect, it } from 'vitest';
import { coreOf, startApp } from './app.js';
import { type MinimalContext, type Routes, routes } from './contexts.js';
import { aWhile, recordFaults, takeAway, until } from './obstacles.js';
import { describeStacks, EVERYWHERE, MINIMAL, onlyRow, rowsOf } from './stacks.js';

const KEY = 'koa:sess';
const DAY = 86_400_000;

describeStacks(
  'writes that nobody waits for',
  'koa_minimal_writes',
  MINIMAL,
  (stack) => {
    /** An application whose table can go away. */
    async function start() {
      const faults = recordFaults();
      const heard: Error[] = [];
      const core = await coreOf(stack, { onError: (error) => heard.push(error) });
      let back = async () => {};
      const away = async () => {
        back = await takeAway(stack);
      };
      const fragile: Routes<MinimalContext> = {
        ...routes,
        '/count-in-the-dark': async (ctx) => {
          ctx.session.n = (ctx.session.n ?? 0) + 1;
          await away();
          ctx.body = String(ctx.session.n);
        },
        '/logout-in-the-dark': async (ctx) => {
          ctx.session = null;
          await away();
          ctx.body = 'out';
        },
        '/regenerate-in-the-dark': async (ctx) => {
          ctx.sessionHandler.regenerateId();
          await away();
          ctx.body = 'regenerated';
        },
      };
      const app = await startApp(stack, fragile, { core });
      return { app, away, back: () => back(), client: app.client(), core, faults, heard };
    }

    const failed = expect.objectContaining({ name: 'KssError', code: 'DATABASE' });

    it('M2: a session is kept under its key and its sid, for a day', async () => {
      const { client, core } = await start();
      const before = Date.now();
      expect((await client.get('/login')).text).toBe('in');
      await core.count('all');
      const row = await onlyRow(stack);
      expect(row.sid).toBe(`koa:sess:${client.cookie(KEY)}`);
      expect(row.expire_at).toBeGreaterThanOrEqual(before + DAY);
      expect(row.expire_at).toBeLessThanOrEqual(Date.now() + DAY);
      expect(JSON.parse(row.additional)).toEqual({ user: 'ada' });
      expect((await client.get('/whoami')).text).toBe('ada');
    });

    it('M8: the next request sees the write', async () => {
      const { app, client, faults } = await start();
      for (let n = 1; n <= 20; n++) expect((await client.get('/count')).text).toBe(String(n));
      await client.copy().get('/logout');
      expect((await client.get('/count')).text).toBe('1');
      expect(app.errors).toEqual([]);
      expect(faults).toEqual([]);
    });

    it.each([
      ['a set', '/count-in-the-dark', '1', 1],
      ['a destroy', '/logout-in-the-dark', 'out', 1],
      ['a destroy and a set', '/regenerate-in-the-dark', 'regenerated', 2],
    ])('M9: %s that fails is answered with 200, and onError hears of it', async (_, path, text, times) => {
      const { app, back, client, faults, heard } = await start();
      await client.get('/login');
      const before = client.copy();
      expect(await client.get(path)).toMatchObject({ status: 200, text });
      await until(() => expect(heard).toHaveLength(times));
      await aWhile();
      expect(heard).toEqual(Array(times).fill(failed));
      expect(app.errors).toEqual([]);
      expect(faults).toEqual([]);
      await back();
      expect((await before.get('/whoami')).text).toBe('ada');
      expect((await before.get('/count')).text).toBe('1');
    });

    it('M10: a get that fails is answered with 500, and the session is there afterwards', async () => {
      const { app, away, back, client, faults, heard } = await start();
      await client.get('/login');
      await client.get('/whoami');
      await away();
      expect(await client.get('/count')).toEqual({ status: 500, text: 'Internal Server Error', cookies: [] });
      expect(app.errors).toEqual([failed]);
      await back();
      expect(await client.get('/whoami')).toEqual({ status: 200, text: 'ada', cookies: [] });
      expect(heard).toEqual([]);
      expect(faults).toEqual([]);
    });

    it('M10: a row that cannot be read is not overwritten', async () => {
      const { app, client, core, faults, heard } = await start();
      await client.get('/login');
      await core.count('all');
      await stack.knex()(stack.table).update({ additional: '{broken' });
      expect((await client.get('/count')).status).toBe(500);
      expect(app.errors).toEqual([expect.objectContaining({ code: 'UNREADABLE_ROW' })]);
      expect(heard).toEqual(app.errors);
      await core.count('all');
      expect((await onlyRow(stack)).additional).toBe('{broken');
      expect(faults).toEqual([]);
    });

    it('M11: sids that clients choose are taken as they are, and kept apart', async () => {
      const { app, faults, heard } = await start();
      const long = 'x'.repeat(8000);
      const sids = ['a', 'A', 'a"b', "' or 1=1 --", '%', 'x'.repeat(255), 'x'.repeat(256), long, `${long}y`];
      const clients = sids.map((sid) => app.client().setCookie(KEY, sid));
      for (const [i, client] of clients.entries()) {
        for (let n = 0; n <= i; n++) expect((await client.get('/count')).status).toBe(200);
        await client.get('/login');
      }
      for (const [i, client] of clients.entries()) expect((await client.get('/count')).text).toBe(String(i + 2));
      expect(await rowsOf(stack)).toHaveLength(sids.length);
      expect(heard).toEqual([]);
      expect(app.errors).toEqual([]);
      expect(faults).toEqual([]);
    });

    it('M12: first writes of one sid at once leave one row', async () => {
      const { app, core, faults, heard } = await start();
      const clients = Array.from({ length: 20 }, () => app.client().setCookie(KEY, 'chosen'));
      const replies = await Promise.all(clients.map((client) => client.get('/login')));
      expect(replies.map(({ text }) => text)).toEqual(Array(20).fill('in'));
      await core.count('all');
      expect((await onlyRow(stack)).sid).toBe('koa:sess:chosen');
      expect(heard).toEqual([]);
      expect(faults).toEqual([]);
    });

    it('M12: first writes of one sid at once by two processes leave one row', async () => {
      const [one, two] = [await start(), await start()];
      const clients = [one, two, one, two, one, two].map(({ app }) => app.client().setCookie(KEY, 'chosen'));
      await Promise.all(clients.map((client) => client.get('/login')));
      await Promise.all([one, two].map(({ core }) => core.count('all')));
      expect((await onlyRow(stack)).sid).toBe('koa:sess:chosen');
      expect([...one.heard, ...two.heard]).toEqual([]);
      expect(one.faults).toEqual([]);
    });

    it('M14: a set and a destroy that nobody waits for happen in their order', async () => {
      const { app, core } = await start();
      for (let round = 0; round < 10; round++) {
        void app.store.set('koa:sess:a', { user: 'ada' }, 1000);
        void app.store.destroy('koa:sess:a');
        void app.store.destroy('koa:sess:b');
        void app.store.set('koa:sess:b', { n: round }, DAY);
      }
      expect(await app.store.get('koa:sess:a')).toBeUndefined();
      await core.count('all');
      const row = await onlyRow(stack);
      expect(row.sid).toBe('koa:sess:b');
      expect(JSON.parse(row.additional)).toEqual({ n: 9 });
    });
  },
  EVERYWHERE,
);
