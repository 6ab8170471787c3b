import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { isKssError } from '@kss/express';
import type { INestApplication } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import * as onExpress from '../src/nest-express.js';
import * as onFastify from '../src/nest-fastify.js';
import { Client, type Listed } from './client.js';
import { addressOf, openDatabase } from './start.js';

describe.each([
  { platform: 'Express', createApp: onExpress.createApp, openSessions: onExpress.openSessions },
  { platform: 'Fastify', createApp: onFastify.createApp, openSessions: onFastify.openSessions },
])('NestJS on $platform', ({ createApp, openSessions }) => {
  async function start() {
    const database = await openDatabase();
    const sessions = openSessions(database.knex);
    const app: INestApplication = await createApp(sessions);
    await app.listen(0, '127.0.0.1');
    return { app, sessions, url: addressOf(app.getHttpServer()), ...database };
  }

  it('keeps sessions, and gives a new id at login', async () => {
    const { app, sessions, url, remove } = await start();
    const [client, other, anonymous] = [new Client(url), new Client(url), new Client(url)];
    expect((await anonymous.get('/devices')).body).toEqual([]);
    expect(await sessions.count('all')).toBe(0);
    await client.post('/login', { name: 'ada' });
    const first = client.cookie;
    await client.post('/login', { name: 'ada' });
    expect(client.cookie).not.toBe(first);
    await other.post('/login', { name: 'ada' });
    const { body } = await client.get<Listed[]>('/devices');
    expect(body.map(({ current }) => current).sort()).toEqual([false, true]);

    await sessions.destroyWhere({ user_id: 'ada' }, { handle: body.find(({ current }) => !current)?.handle ?? '' });
    expect((await other.get('/devices')).body).toEqual([]);
    expect((await client.get<Listed[]>('/devices')).body).toHaveLength(1);
    await app.close();
    await remove();
  });

  it('answers and saves what is under way, and then closes the store', async () => {
    const { app, sessions, url, knex, remove } = await start();
    const body = JSON.stringify({ name: 'slow' });
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const slow = request(`${url}/login`, { method: 'POST', headers, agent: false });
    slow.write(body.slice(0, 5));
    await once(app.getHttpServer(), 'request');
    const answered = once(slow, 'response') as Promise<[IncomingMessage]>;

    const closed = app.close();
    while (await accepts(url));
    expect(await sessions.count('all')).toBe(0);
    slow.end(body.slice(5));
    const [response] = await answered;
    response.resume();
    expect(response.statusCode).toBe(201);
    await closed;

    expect(isKssError(await sessions.count('all').catch((error: unknown) => error), 'CLOSED')).toBe(true);
    const reopened = openSessions(knex);
    expect(await reopened.count({ user_id: 'slow' })).toBe(1);
    await reopened.close();
    await remove();
  });

  it('closes the store at SIGTERM', async () => {
    const { sessions, remove } = await start();
    // Nest sends itself the signal again when it is done; without this listener that would end the process.
    let received = 0;
    const again = new Promise<void>((resolve) => {
      process.on('SIGTERM', function listener() {
        received += 1;
        if (received < 2) return;
        process.off('SIGTERM', listener);
        resolve();
      });
    });
    process.kill(process.pid, 'SIGTERM');
    await again;
    expect(isKssError(await sessions.count('all').catch((error: unknown) => error), 'CLOSED')).toBe(true);
    await remove();
  });
});

/** Whether a server still takes connections. */
async function accepts(url: string): Promise<boolean> {
  try {
    await (await fetch(url, { headers: { connection: 'close' } })).text();
    return true;
  } catch {
    return false;
  }
}
