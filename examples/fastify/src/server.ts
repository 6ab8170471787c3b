import { fileURLToPath } from 'node:url';
import { serve, sessionSecret } from '@kss/example-view/server';
import { createApp } from './app.js';
import { openSessions } from './sessions.js';

const { SESSIONS_FILE, PROXIES } = process.env;

const sessions = openSessions(SESSIONS_FILE || fileURLToPath(new URL('../sessions.sqlite', import.meta.url)));
const app = createApp(sessions, { secret: sessionSecret(), proxies: Number(PROXIES ?? 0) });
app.addHook('onClose', () => sessions.close());
await app.ready();
await serve(app.server, () => app.close());
