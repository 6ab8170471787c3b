import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { serve, sessionSecret } from '@kss/example-view/server';
import { createApp as onGenericSession } from './app.js';
import { createApp as onKoaSession } from './koa-session-app.js';
import { openSessions } from './sessions.js';

const { SESSION_MIDDLEWARE, SESSIONS_FILE, PROXIES } = process.env;

const sessions = openSessions(SESSIONS_FILE || fileURLToPath(new URL('../sessions.sqlite', import.meta.url)));
const createApp = SESSION_MIDDLEWARE === 'koa-session' ? onKoaSession : onGenericSession;
const app = createApp(sessions, { secret: sessionSecret(), proxies: Number(PROXIES ?? 0) });
await serve(createServer(app.callback()), () => sessions.close());
