import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from './client.js';

/**
 * How every example starts and stops, as a process of its own.
 *
 * @param testFile `import.meta.url` of a file in the example's folder `test`
 */
export function describeServer(title: string, testFile: string, env: Record<string, string> = {}): void {
  const folder = fileURLToPath(new URL('..', testFile));
  describe(title, { timeout: 120_000 }, () => suite(folder, env)); // a process takes seconds to start on a busy machine
}

function suite(folder: string, env: Record<string, string>): void {
  let temporary: string;
  beforeAll(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'kss-server-'));
  });
  afterAll(() => rm(temporary, { recursive: true }));

  it('prints its address, serves, and stops at SIGTERM', async () => {
    const server = await start({ PORT: '0' });
    const client = new Client(server.url);
    expect((await client.signIn('ada')).status).toBe(303);
    expect((await client.get('/')).status).toBe(200);
    expect(await stop(server.child, 'SIGTERM')).toEqual({ code: 0, signal: null });
    expect(server.output.stdout).toBe(`KSS demo on ${server.url}\n`);
    expect(server.output.stderr).toContain('SESSION_SECRET is not set');
  });

  it('knows its users after a restart with the same secret', async () => {
    const first = await start({ PORT: '0', SESSION_SECRET: 'the same secret for both, of 32 characters at least' });
    const { port } = new URL(first.url);
    const client = new Client(first.url);
    await client.signIn('grace');
    expect(await stop(first.child, 'SIGINT')).toEqual({ code: 0, signal: null });
    const second = await start({ PORT: port, SESSION_SECRET: 'the same secret for both, of 32 characters at least' });
    expect(second.url).toBe(first.url);
    expect((await client.get('/')).status).toBe(200);
    await stop(second.child, 'SIGTERM');
    expect(second.output.stderr).toBe('');
  });

  it('takes another port where its own is taken', async () => {
    const squatter = createServer().listen(0, 'localhost');
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    const server = await start({ PORT: String(port) });
    expect(new URL(server.url).port).not.toBe(String(port));
    expect((await new Client(server.url).get('/sign-in')).status).toBe(200);
    await stop(server.child, 'SIGTERM');
    squatter.close();
  });

  it('stops although a browser keeps a connection in reserve', async () => {
    const server = await start({ PORT: '0' });
    const idle = connect(Number(new URL(server.url).port), 'localhost');
    await once(idle, 'connect');
    idle.on('error', () => {});
    expect(await stop(server.child, 'SIGTERM')).toEqual({ code: 0, signal: null });
    idle.destroy();
  });

  async function start(own: Record<string, string>) {
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/server.ts'], {
      cwd: folder,
      env: { PATH: process.env.PATH, SESSIONS_FILE: join(temporary, 'sessions.sqlite'), ...env, ...own },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    while (!output.stdout.includes('\n')) {
      if (child.exitCode !== null) throw new Error(`The server ended with ${child.exitCode}:\n${output.stderr}`);
      await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    }
    const url = /http:\/\/localhost:\d+/.exec(output.stdout)?.[0] ?? '';
    return { child, output, url };
  }
}

async function stop(child: ChildProcess, signal: 'SIGINT' | 'SIGTERM') {
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  child.kill(signal);
  const [code, by] = await closed;
  return { code, signal: by };
}
