import { createServer } from 'node:http';
import { startOn, type TestedApp } from '@kss/example-view/testing';
import { createApp as onGenericSession } from '../src/app.js';
import { createApp as onKoaSession } from '../src/koa-session-app.js';
import { openSessions } from '../src/sessions.js';

function tested(createApp: typeof onGenericSession, sidIn: TestedApp['sidIn']): TestedApp {
  return {
    start: (options) =>
      startOn(openSessions, (core) =>
        createServer(createApp(core, { secret: 'only for this test', ...options }).callback()),
      ),
    sidIn,
  };
}

/** The example on each session middleware, by its name. Both sign the cookie with a second one. */
export const variants: Readonly<Record<string, TestedApp>> = {
  'koa-generic-session': tested(onGenericSession, (cookie) => `koa:sess:${cookie}`),
  'koa-session': tested(onKoaSession, (cookie) => cookie),
};
