import { expect, it } from 'vitest';
import { startApp } from './app.js';
import { type GenericContext, type Routes, routes } from './contexts.js';
import { describeStacks, EVERYWHERE, GENERIC, onlyRow, rowsOf } from './stacks.js';

const saving: Routes<GenericContext> = {
  ...routes,
  '/save-twice': function* (ctx) {
    for (const n of [1, 2]) {
      ctx.session.n = n;
      yield ctx.saveSession();
    }
    ctx.body = ctx.sessionId;
  },
  '/save-and-change': function* (ctx) {
    ctx.session.note = 'early';
    yield ctx.saveSession();
    ctx.session.note = 'late';
    ctx.body = ctx.sessionId;
  },
  '/regenerate-and-save': function* (ctx) {
    const { session } = ctx;
    yield ctx.regenerateSession();
    ctx.session = session;
    yield ctx.saveSession();
    ctx.body = ctx.sessionId;
  },
  '/save-regenerate-and-save': function* (ctx) {
    const { session } = ctx;
    yield ctx.saveSession();
    yield ctx.regenerateSession();
    ctx.session = session;
    yield ctx.saveSession();
    ctx.body = ctx.sessionId;
  },
};

describeStacks(
  'saveSession',
  'koa_generic_save',
  GENERIC.filter(({ generators }) => !generators), // koa-generic-session 1 has no saveSession
  (stack) => {
    it('G13: a new session that is saved twice is one session', async () => {
      const client = (await startApp(stack, saving)).client();
      const { text: sid } = await client.get('/save-twice');
      expect(client.cookie('koa.sid')).toBe(sid);
      const row = await onlyRow(stack);
      expect(row.sid).toBe(`koa:sess:${sid}`);
      expect(JSON.parse(row.additional)).toMatchObject({ n: 2 });
      expect((await client.get('/count')).text).toBe('3');
    });

    it('G13: a session that is there is saved twice under its sid', async () => {
      const client = (await startApp(stack, saving)).client();
      await client.get('/login');
      const sid = client.cookie('koa.sid');
      expect((await client.get('/save-twice')).text).toBe(sid);
      expect((await client.get('/count')).text).toBe('3');
      expect((await client.get('/whoami')).text).toBe('ada');
      expect((await rowsOf(stack)).map((row) => row.sid)).toEqual([`koa:sess:${sid}`]);
    });

    it('G13: what changes after a save is saved at the end', async () => {
      const client = (await startApp(stack, saving)).client();
      await client.get('/save-and-change');
      expect(JSON.parse((await onlyRow(stack)).additional)).toMatchObject({ note: 'late' });
    });

    it.each(['/regenerate-and-save', '/save-regenerate-and-save'])(
      'G13: a session that is put back after it was regenerated is saved: %s',
      async (path) => {
        const client = (await startApp(stack, saving)).client();
        await client.get('/login');
        const old = client.copy();
        const { text: sid } = await client.get(path);
        expect((await onlyRow(stack)).sid).toBe(`koa:sess:${sid}`);
        expect((await client.get('/whoami')).text).toBe('ada');
        expect((await old.get('/whoami')).text).toBe('nobody');
      },
    );
  },
  EVERYWHERE,
);
