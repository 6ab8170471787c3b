import { EventEmitter, once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openSessions } from '../src/api.js';
import { type RequestSession, withSessions } from '../src/sessions.js';
import { Client, makeFolder, serve } from './start.js';

let folder: Awaited<ReturnType<typeof makeFolder>>;
let store: ReturnType<typeof openSessions>;
let server: Awaited<ReturnType<typeof serve>>;
let work: (session: RequestSession) => unknown = () => undefined;
beforeAll(async () => {
  folder = await makeFolder();
  store = openSessions(folder.file);
  const listener = withSessions(store, async (_, session) => ({ status: 200, body: (await work(session)) ?? null }));
  server = await serve(listener);
});
afterAll(async () => {
  await server.stop();
  await store.close();
  await folder.remove();
});

/** Sends one request that does this with its session. */
async function request(client: Client, what: typeof work): Promise<unknown> {
  work = what;
  return (await client.send('/')).body;
}

async function signedIn(name: string): Promise<Client & { sid: string }> {
  const client = new Client(server.url);
  await request(client, ({ begin }) => begin({ user_id: name }));
  const { sid = '' } = client;
  return Object.assign(client, { sid });
}

describe('a slow request', () => {
  it.each<[string, (session: RequestSession) => unknown]>([
    ['changes the session', ({ data }) => Object.assign(data, { late: true })],
    ['only reads it', ({ data }) => data.user_id],
    ['ends it', ({ end }) => end()],
  ])('that %s does not bring it back once it is ended elsewhere', async (_, what) => {
    const client = await signedIn('slow');
    const { sid } = client;
    const steps = new EventEmitter();
    const started = once(steps, 'started');
    const answered = request(client, async (session) => {
      const resume = once(steps, 'resume');
      steps.emit('started');
      await resume;
      what(session);
    });
    await started;
    expect(await store.destroyWhere({ user_id: 'slow' })).toBe(1);
    steps.emit('resume');
    await answered;
    expect(await store.get(sid)).toBeNull();
    expect(await store.count({ user_id: 'slow' })).toBe(0);
    expect(client.sid).toBeUndefined();
  });
});

describe('a session', () => {
  const rowOf = async (sid: string) => {
    const [row] = await store.repo().where({ sid }).select('revision', 'expire_at');
    return { revision: Number(row?.revision), end: Number(row?.expire_at) };
  };

  it('is only touched where nothing changed', async () => {
    const client = await signedIn('still');
    const before = await rowOf(client.sid);
    await expect
      .poll(
        async () => {
          await request(client, ({ data }) => data);
          return (await rowOf(client.sid)).end;
        },
        { timeout: 10_000 },
      )
      .toBeGreaterThan(before.end);
    expect((await rowOf(client.sid)).revision).toBe(before.revision);
  });

  it('is saved where anything changed, however deep', async () => {
    const client = await signedIn('deep');
    await request(client, ({ data }) => Object.assign(data, { cart: { items: [1] } }));
    const before = await rowOf(client.sid);
    await request(client, ({ data }) => (data.cart as { items: number[] }).items.push(2));
    expect((await rowOf(client.sid)).revision).not.toBe(before.revision);
    expect(await request(client, ({ data }) => data)).toEqual({ user_id: 'deep', cart: { items: [1, 2] } });
  });

  it('does not tell its sid', async () => {
    const client = await signedIn('secret');
    let seen = '';
    await request(client, (session) => {
      seen = JSON.stringify({ ...session });
    });
    expect(seen).toContain('secret');
    expect(seen).not.toContain(client.sid);
  });

  it('stays as it was where the handler fails', async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
    const client = await signedIn('failing');
    work = ({ data }) => {
      data.half = 'done';
      throw new Error('This is meant to fail.');
    };
    expect(await client.send('/')).toEqual({ status: 500, body: { error: 'Something went wrong.' } });
    expect(logged).toHaveBeenCalledOnce();
    logged.mockRestore();
    expect(await request(client, ({ data }) => data)).toEqual({ user_id: 'failing' });
  });
});
