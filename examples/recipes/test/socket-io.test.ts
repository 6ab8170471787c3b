import { io as connect, type Socket } from 'socket.io-client';
import { afterEach, describe, expect, it } from 'vitest';
import { createChat } from '../src/socket-io.js';
import { Client } from './client.js';
import { useRecipe } from './start.js';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});
const recipe = useRecipe(createChat);

async function signedIn(name: string): Promise<Client> {
  const client = new Client(recipe.url);
  expect((await client.post('/login', { name })).status).toBe(204);
  return client;
}

function open({ cookie }: Client, transport = 'websocket'): Socket {
  const socket = connect(recipe.url, {
    transports: [transport],
    extraHeaders: { cookie },
    reconnection: false,
    forceNew: true,
  });
  sockets.push(socket);
  return socket;
}

async function connected(client: Client, transport?: string): Promise<Socket> {
  const socket = open(client, transport);
  await next(socket, 'connect');
  return socket;
}

/** What comes with the next event of a name. */
function next(socket: Socket, event: string): Promise<unknown[]> {
  return new Promise((resolve) => socket.once(event, (...values: unknown[]) => resolve(values)));
}

const count = (socket: Socket) => socket.timeout(10_000).emitWithAck('count') as Promise<object>;

describe.each([['polling'], ['websocket']])('a socket over %s', (transport) => {
  async function handlesOf(name: string): Promise<string[]> {
    return (await recipe.sessions.find({ user_id: name })).map(({ handle }) => handle);
  }

  it('is refused without a session', async () => {
    const socket = open(new Client(recipe.url), transport);
    const [error] = await next(socket, 'connect_error');
    expect((error as Error).message).toBe('Sign in first.');
  });

  it('changes the session that requests see, and sees what they change', async () => {
    const client = await signedIn(`ada ${transport}`);
    const [first, second] = [await connected(client, transport), await connected(client, transport)];
    expect(await count(first)).toEqual({ count: 1 });
    expect(await count(second)).toEqual({ count: 2 });
    expect(await count(first)).toEqual({ count: 3 });
    const [info] = await recipe.sessions.find({ user_id: `ada ${transport}` }, { data: true });
    expect(info?.data).toMatchObject({ count: 3 });
  });

  it('is disconnected at its next event when its session was ended elsewhere', async () => {
    const name = `grace ${transport}`;
    const socket = await connected(await signedIn(name), transport);
    expect(await count(socket)).toEqual({ count: 1 });
    expect(await recipe.sessions.destroyWhere({ user_id: name })).toBe(1);
    const gone = next(socket, 'disconnect');
    let answer: object | undefined;
    socket.emit('count', (given: object) => {
      answer = given;
    });
    await gone;
    expect(answer).toBeUndefined();
    expect(await recipe.sessions.count({ user_id: name })).toBe(0);
  });

  it('is disconnected at once when its session is ended by its handle', async () => {
    const name = `alan ${transport}`;
    const phone = await connected(await signedIn(name), transport);
    const [handle] = await handlesOf(name);
    const desk = await signedIn(name);
    const kept = await connected(desk, transport);

    const gone = next(phone, 'disconnect');
    expect((await desk.post(`/devices/${handle}/end`)).body).toEqual({ ended: 1 });
    await gone;
    expect(await count(kept)).toEqual({ count: 1 });
  });

  it('stays when another account names its handle', async () => {
    const name = `victim ${transport}`;
    const socket = await connected(await signedIn(name), transport);
    const [handle] = await handlesOf(name);
    const mallory = await signedIn(`mallory ${transport}`);
    expect((await mallory.post(`/devices/${handle}/end`)).body).toEqual({ ended: 0 });
    expect(await count(socket)).toEqual({ count: 1 });
  });
});

it('is not harmed by an event without an acknowledgement', async () => {
  const socket = await connected(await signedIn('barbara'));
  socket.emit('count');
  socket.emit('count', 'no function');
  expect(await count(socket)).toEqual({ count: 1 });
});

it('keeps its connection when the store cannot answer', async () => {
  const socket = await connected(await signedIn('edsger'));
  await recipe.sessions.close(); // stands for a database that is away
  expect(await count(socket)).toEqual({ error: 'Try again later.' });
  expect(socket.connected).toBe(true);
});
