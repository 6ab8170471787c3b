import { startOn, type TestedApp } from '@kss/example-view/testing';
import { createApp } from '../src/app.js';
import { openSessions } from '../src/sessions.js';

export const fastify: TestedApp = {
  start: (options) =>
    startOn(openSessions, async (core) => {
      const app = createApp(core, { secret: 'only for this test, and of 32 characters', ...options });
      await app.ready();
      return app.server;
    }),
  sidIn: (cookie) => cookie.split('.')[0] ?? '',
};
