import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Client, makeFolder } from './start.js';

it('starts, serves, and stops at SIGTERM', async () => {
  const { file, remove } = await makeFolder();
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/server.ts'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { PATH: process.env.PATH, PORT: '0', SESSIONS_FILE: file },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const [line] = await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), closed]);
  const client = new Client(/http:\/\/localhost:\d+/.exec(String(line))?.[0] ?? '');
  expect(await client.visits()).toBe(1);
  expect(await client.visits()).toBe(2);
  child.kill('SIGTERM');
  expect(await closed).toEqual([0, null]);
  await remove();
});
