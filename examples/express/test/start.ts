import { createServer } from 'node:http';
import { startOn, type TestedApp } from '@kss/example-view/testing';
import { createApp } from '../src/app.js';
import { openSessions } from '../src/sessions.js';

export const express: TestedApp = {
  start: (options) =>
    startOn(openSessions, (core) => createServer(createApp(core, { secret: 'only for this test', ...options }))),
  sidIn: (cookie) => cookie.slice('s:'.length).split('.')[0] ?? '',
};
