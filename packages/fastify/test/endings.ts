import { AsyncResource } from 'node:async_hooks';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { asSession, called } from './app.js';

type Pause = () => Promise<void>;

/** How a request that has loaded a session ends, with a pause in which the session is ended. */
export type Ending = (request: FastifyRequest, pause: Pause) => unknown;

export const ENDINGS: Readonly<Record<string, Ending>> = {
  'only reads': (_, pause) => pause(),
  'changes the session': async (request, pause) => {
    await pause();
    request.session.note = 'late';
  },
  'changed the session before': async (request, pause) => {
    request.session.note = 'early';
    await pause();
  },
  'changes its cookie': async (request, pause) => {
    await pause();
    request.session.cookie.maxAge = 3_600_000;
  },
  'saves, and saves again': async (request, pause) => {
    request.session.note = 'early';
    await request.session.save();
    await pause();
    request.session.note = 'late';
    await request.session.save();
    request.session.note = 'later still';
  },
  'saved twice before': async (request, pause) => {
    for (const note of ['early', 'less early']) {
      request.session.note = note;
      await called((done) => request.session.save(done));
    }
    await pause();
    request.session.note = 'late';
  },
  'reloads too late': async (request, pause) => {
    await pause();
    await request.session.reload();
    request.session.note = 'late';
  },
  'reloaded before': async (request, pause) => {
    await request.session.reload();
    await pause();
    request.session.note = 'late';
  },
  'replaces the session by a literal': async (request, pause) => {
    await pause();
    Object.assign(request, { session: { user: 'ada', note: 'late' } });
  },
  'replaces the session by a spread': async (request, pause) => {
    await pause();
    Object.assign(request, { session: { ...request.session, note: 'late' } });
  },
  'saves a literal in its place': async (request, pause) => {
    await pause();
    const { cookie, sessionId } = request.session;
    await called((done) => request.sessionStore.set(sessionId, asSession({ cookie, user: 'ada' }), done));
  },
  'saves a spread in its place': async (request, pause) => {
    await pause();
    const { session } = request;
    await called((done) => request.sessionStore.set(session.sessionId, { ...session, note: 'late' }, done));
  },
};

const outside = new AsyncResource('outside of every request');

/** Runs something as a library does that calls back in a context of its own, such as a pool's or a queue's. */
export function outsideOfRequests<T>(run: () => T): T {
  return outside.runInAsyncScope(run);
}

/** Ends of a request whose async context is lost after the pause. */
export const LOST_ENDINGS: Readonly<Record<string, (request: FastifyRequest, reply: FastifyReply) => unknown>> = {
  'only reads': (_, reply) => reply.send('done'),
  'changes the session': (request, reply) => {
    request.session.note = 'late';
    reply.send('done');
  },
  'saves, and saves again': (request, reply) => {
    request.session.note = 'late';
    request.session.save(() => {
      request.session.note = 'later still';
      reply.send('done');
    });
  },
  'reloads too late': (request, reply) => {
    void request.session.reload().then(() => {
      request.session.note = 'late';
      reply.send('done');
    });
  },
};
