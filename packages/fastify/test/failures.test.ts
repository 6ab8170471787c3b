import { describe, expect, it } from 'vitest';
import { coreOf, type Routes, routes, startApp } from './app.js';
import { recordFaults, refuse } from './obstacles.js';
import { describeNewest, FASTIFY_4, FASTIFY_5, rowsOf, statementsOf } from './stacks.js';

const circle: Record<string, unknown> = {};
circle.self = circle;

const paths = {
  ...routes,
  '/circle': (request) => {
    request.session.note = circle;
    return 'never sent';
  },
  '/bigint': (request) => {
    request.session.note = 1n;
    request.session.n = -1;
    return 'never sent';
  },
  '/save-circle': async (request) => {
    request.session.note = circle;
    const error = await request.session.save().catch((caught) => caught);
    delete request.session.note;
    return error.code;
  },
  '/logout-and-see': async (request) => {
    const error = await request.session.destroy().catch((caught) => caught);
    return `${error.name}, ${request.session}`;
  },
} satisfies Routes;

describeNewest(
  'failures',
  'fastify_failures',
  (five) => {
    describe.each([FASTIFY_5, FASTIFY_4])('with Fastify $major', (versions) => {
      const stack = { ...five, ...versions };
      const rows = () => rowsOf(stack, stack.knex());

      async function scene(session = {}) {
        const faults = recordFaults();
        const app = await startApp(stack, paths, { session });
        const client = app.client();
        await client.get('/login');
        return { app, client, faults };
      }

      it('F9: a destroy that fails is answered with 500, and the session lives', async () => {
        const { app, client, faults } = await scene();
        const before = await rows();
        const allow = await refuse(stack, 'delete');
        expect(await client.get('/logout')).toEqual({ status: 500, text: 'failed', cookies: [] });
        expect(app.errors).toMatchObject([{ name: 'KssError' }]);
        expect(await client.get('/logout-and-see')).toMatchObject({ status: 200, text: 'KssError, null' });
        expect(await rows()).toEqual(before);
        await allow();
        expect((await client.get('/whoami')).text).toBe('ada');
        expect((await client.get('/logout')).text).toBe('out');
        expect(faults).toEqual([]);
      });

      it('F12: a get that fails is answered with 500, and the client keeps its cookie', async () => {
        const { app, client, faults } = await scene();
        const { table } = stack;
        await stack.knex().schema.renameTable(table, `${table}_away`);
        expect(await client.get('/whoami')).toEqual({ status: 500, text: 'failed', cookies: [] });
        expect(app.errors).toMatchObject([{ code: 'DATABASE' }]);
        await stack.knex().schema.renameTable(`${table}_away`, table);
        expect((await client.get('/whoami')).text).toBe('ada');
        expect(faults).toEqual([]);
      });

      it.each([
        ['first save', 'insert', ['insert', 'insert', 'insert']],
        ['later save', 'update', ['select', 'update', 'update', 'update']],
      ] as const)('F13: a %s that fails is answered with 500, once', async (_, refused, statements) => {
        const { app, client, faults } = await scene();
        const allow = await refuse(stack, refused);
        const visitor = refused === 'insert' ? app.client() : client;
        // Trap: the plugin saves again for the reply of the error handler, and again for Fastify's own.
        const sent = await statementsOf(stack.knex(), async () => {
          expect(await visitor.get('/count')).toMatchObject({ status: 500, cookies: [] });
        });
        expect(sent).toEqual(statements);
        expect(app.errors).toMatchObject([{ name: 'KssError' }]);
        await allow();
        expect((await visitor.get('/count')).text).toBe('1');
        expect(faults).toEqual([]);
      });

      it("F13: trap: an error handler's reply to a failed save is sent where it gives the session up", async () => {
        const { client } = await scene();
        await refuse(stack, 'update');
        const { text } = await client.get('/count');
        expect(JSON.parse(text)).toMatchObject({ statusCode: 500, message: expect.stringContaining('refused') });

        const core = await coreOf(stack);
        const giveUp = (request: object) => Object.assign(request, { session: null });
        const app = await startApp(stack, paths, { core, onError: giveUp });
        const other = app.client().assume(client.sid);
        const sent = await statementsOf(stack.knex(), async () => {
          expect(await other.get('/count')).toEqual({ status: 500, text: 'failed', cookies: [] });
        });
        expect(sent).toEqual(['select', 'update']);
      });

      it.each(['/circle', '/bigint'])('F15: what JSON cannot hold is answered with 500: %s', async (path) => {
        for (const session of [{}, { rolling: true }]) {
          const { client, faults } = await scene(session);
          const before = await rows();
          const answer = await client.get(path);
          expect(answer.status).toBe(500);
          expect(answer.cookies).toEqual([]);
          expect(await rows()).toEqual(before);
          expect((await client.get('/whoami')).text).toBe('ada');
          expect(faults).toEqual([]);
          await stack.knex()(stack.table).delete();
        }
      });

      it('F15: a save in the handler rejects, and what is mended can be saved', async () => {
        const { client, faults } = await scene();
        expect((await client.get('/save-circle')).text).toBe('UNSERIALIZABLE');
        expect((await client.get('/whoami')).text).toBe('ada');
        expect(faults).toEqual([]);
      });

      it('a value that its column refuses is answered with 500, and the stored session is as it was', async () => {
        const faults = recordFaults();
        const core = await coreOf(stack, { schemas: [{ name: 'n', type: 'integer' }] });
        const app = await startApp(
          stack,
          { ...paths, '/bad': ({ session }) => Object.assign(session, { n: 'x' }).n },
          { core },
        );
        const client = app.client();
        await client.get('/count');
        const before = await rows();
        expect((await client.get('/bad')).status).toBe(500);
        expect(app.errors).toMatchObject(Array(app.errors.length).fill({ code: 'COLUMN_VALUE' }));
        expect(await rows()).toEqual(before);
        expect((await client.get('/count')).text).toBe('2');
        expect(faults).toEqual([]);
      });
    });
  },
  ['sqlite'],
);
