import { createServer } from 'node:http';
import { expect, it } from 'vitest';
import { createApp } from '../src/passport.js';
import { Client, type Listed } from './client.js';
import { useRecipe } from './start.js';

const check = async (name: string, password: string) => password === 'right' && { id: name };
const recipe = useRecipe((knex) => {
  const { app, sessions } = createApp(knex, check);
  return { server: createServer(app), sessions };
});

async function signedIn(username: string): Promise<Client> {
  const client = new Client(recipe.url);
  expect(await client.post('/login', { username, password: 'right' })).toEqual({
    status: 200,
    body: { user: { id: username } },
  });
  return client;
}

it('finds a session by the user that Passport keeps in it', async () => {
  await signedIn('ada');
  expect(await recipe.sessions.find({ user_id: 'ada' }, { data: true })).toMatchObject([
    { columns: { user_id: 'ada' }, data: { passport: { user: 'ada' } } },
  ]);
});

it('lists the sessions of the user, and ends one', async () => {
  const [desk, phone] = [await signedIn('grace'), await signedIn('grace')];
  const { body } = await desk.get<Listed[]>('/devices');
  expect(body.map(({ current, columns }) => ({ current, columns }))).toEqual(
    expect.arrayContaining([
      { current: true, columns: { user_id: 'grace' } },
      { current: false, columns: { user_id: 'grace' } },
    ]),
  );
  const other = body.find(({ current }) => !current);
  expect((await desk.post(`/devices/${other?.handle}/end`)).body).toEqual({ ended: 1 });
  expect((await phone.get('/devices')).status).toBe(401);
  expect((await desk.get<Listed[]>('/devices')).body).toHaveLength(1);
});

it('ends all the others', async () => {
  const [first, second, stranger] = [await signedIn('alan'), await signedIn('alan'), await signedIn('mallory')];
  expect((await first.post('/devices/end-others')).body).toEqual({ ended: 1 });
  expect((await second.get('/devices')).status).toBe(401);
  expect((await first.get('/devices')).status).toBe(200);
  expect((await stranger.get('/devices')).status).toBe(200);
});

it('does not end the session of another user by its handle', async () => {
  const [victim, mallory] = [await signedIn('victim'), await signedIn('mallory')];
  const handle = (await victim.get<Listed[]>('/devices')).body[0]?.handle;
  expect((await mallory.post(`/devices/${handle}/end`)).body).toEqual({ ended: 0 });
  expect((await victim.get('/devices')).status).toBe(200);
});

it('gives a new id at each login, and the old one is dead', async () => {
  const client = await signedIn('edsger');
  const old = client.cookie;
  await client.post('/login', { username: 'barbara', password: 'right' });
  expect(client.cookie).not.toBe(old);
  const thief = new Client(recipe.url);
  thief.cookie = old;
  expect((await thief.get('/devices')).status).toBe(401);
  expect(await recipe.sessions.count({ user_id: 'edsger' })).toBe(0);
  expect(await recipe.sessions.count({ user_id: 'barbara' })).toBe(1);
});

it('refuses a wrong password, and keeps nothing of it', async () => {
  const before = await recipe.sessions.count('all');
  expect((await new Client(recipe.url).post('/login', { username: 'ada', password: 'wrong' })).status).toBe(401);
  expect(await recipe.sessions.count('all')).toBe(before);
});

it('ends the session at logout', async () => {
  const client = await signedIn('out');
  const old = client.cookie;
  expect((await client.post('/logout')).status).toBe(204);
  client.cookie = old;
  expect((await client.get('/devices')).status).toBe(401);
  expect(await recipe.sessions.count({ user_id: 'out' })).toBe(0);
});
