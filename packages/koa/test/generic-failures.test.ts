import { isKssError } from '@kss/core';
import { expect, it } from 'vitest';
import { coreOf, startApp } from './app.js';
import { type GenericContext, type Routes, routes } from './contexts.js';
import { aWhile, recordFaults, takeAway } from './obstacles.js';
import { describeStacks, EVERYWHERE, GENERIC, onlyRow } from './stacks.js';

describeStacks(
  'failures',
  'koa_generic_failures',
  GENERIC,
  (stack) => {
    /** A client that is logged in, and handlers under which the table goes away. */
    async function scene(session = {}) {
      const faults = recordFaults();
      let back = async () => {};
      const away = async () => {
        back = await takeAway(stack);
      };
      const fragile: Routes<GenericContext> = {
        ...routes,
        '/count-in-the-dark': function* (ctx) {
          ctx.session.n = (ctx.session.n ?? 0) + 1;
          yield away();
          ctx.body = String(ctx.session.n);
        },
        '/throw-in-the-dark': function* (ctx) {
          ctx.session.n = 1;
          yield away();
          throw new Error('thrown by the handler');
        },
        '/logout-in-the-dark': function* (ctx) {
          ctx.session = null;
          yield away();
        },
        '/regenerate-in-the-dark': function* (ctx) {
          yield away();
          yield ctx.regenerateSession();
        },
      };
      const app = await startApp(stack, fragile, { session });
      const client = app.client();
      await client.get('/login');
      return { app, client, faults, away, back: () => back() };
    }

    const failed = (name: string) => expect.objectContaining({ name, code: 'DATABASE', cause: expect.any(Error) });

    it('G14: a get that fails is answered with 500, and the session is there afterwards', async () => {
      const { app, client, faults, away, back } = await scene();
      const { cookieHeader } = client;
      await away();
      expect(await client.get('/whoami')).toEqual({ status: 500, text: 'Internal Server Error', cookies: [] });
      expect(app.errors).toEqual([failed('koa-generic-session get error')]);
      await back();
      expect((await client.get('/whoami')).text).toBe('ada');
      expect(client.cookieHeader).toBe(cookieHeader);
      expect(faults).toEqual([]);
    });

    it('G14: requests that fail together have an error each', async () => {
      const { app, client, faults, away } = await scene();
      await away();
      const replies = await Promise.all(Array.from({ length: 10 }, () => client.get('/whoami')));
      expect(replies.map(({ status }) => status)).toEqual(Array(10).fill(500));
      expect(app.errors).toEqual(Array(10).fill(failed('koa-generic-session get error')));
      expect(new Set(app.errors).size).toBe(10);
      expect(faults).toEqual([]);
    });

    it.each([
      ['a set', '/count-in-the-dark', 'koa-generic-session set error'],
      ['a destroy', '/logout-in-the-dark', 'KssError'],
      ['a destroy of the old session', '/regenerate-in-the-dark', 'KssError'],
    ])('G14: %s that fails is answered with 500, and the session stays as it was', async (_, path, name) => {
      const { app, client, faults, back } = await scene();
      const before = await onlyRow(stack);
      const { status, cookies } = await client.get(path);
      expect({ status, cookies }).toEqual({ status: 500, cookies: [] });
      expect(app.errors).toEqual([failed(name)]);
      await back();
      expect(await onlyRow(stack)).toEqual(before);
      expect((await client.get('/whoami')).text).toBe('ada');
      expect(faults).toEqual([]);
    });

    it('G14: where the handler throws too, its error is answered, and the application hears of both', async () => {
      const { app, client, faults } = await scene();
      expect((await client.get('/throw-in-the-dark')).status).toBe(500);
      expect(app.errors).toEqual([
        failed('koa-generic-session set error'),
        expect.objectContaining({ message: 'thrown by the handler' }),
      ]);
      expect(faults).toEqual([]);
    });

    it('G14: what a column refuses is answered with 500, and the session stays as it was', async () => {
      const core = await coreOf(stack, { schemas: [{ name: 'n', type: 'integer' }] });
      const paths: Routes<GenericContext> = {
        ...routes,
        '/count-wrongly': (ctx) => {
          ctx.session = { ...ctx.session, n: 'many' };
        },
      };
      const app = await startApp(stack, paths, { core });
      const client = app.client();
      await client.get('/count');
      const before = await onlyRow(stack);
      expect((await client.get('/count-wrongly')).status).toBe(500);
      expect(app.errors).toEqual([expect.objectContaining({ code: 'COLUMN_VALUE' })]);
      expect(await onlyRow(stack)).toEqual(before);
      expect((await client.get('/count')).text).toBe('2');
    });

    it('G14: the errors of the store can be told from others', async () => {
      const { app, client, away } = await scene();
      await away();
      await client.get('/whoami');
      expect(isKssError(app.errors[0], 'DATABASE')).toBe(true);
    });

    it('G20: an errorHandler that swallows what a set fails with', async () => {
      const heard: unknown[] = [];
      const errorHandler = (error: unknown, type: string) => heard.push(type, error);
      const { app, client, faults, back } = await scene({ errorHandler });
      expect(await client.get('/count-in-the-dark')).toEqual({ status: 200, text: '1', cookies: [] });
      expect(heard).toEqual(['set', expect.objectContaining({ name: 'KssError', code: 'DATABASE' })]);
      expect(app.errors).toEqual([]);
      await back();
      expect((await client.get('/count')).text).toBe('1');
      expect(faults).toEqual([]);
    });

    it('G17: the store emits nothing, so that an idle application goes on', async () => {
      const { app, client, faults, away, back } = await scene();
      const heard: string[] = [];
      for (const event of ['connect', 'disconnect', 'error']) app.store.on(event, () => heard.push(event));
      await client.get('/count');
      await away();
      await client.get('/whoami');
      await back();
      await client.get('/logout');
      await aWhile();
      expect(heard).toEqual([]);
      expect(faults).toEqual([]);
    });
  },
  EVERYWHERE,
);
