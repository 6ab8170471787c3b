import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder, which the returned function removes. */
export async function makeFolder(): Promise<{ file: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'kss-custom-'));
  return { file: join(folder, 'sessions.sqlite'), remove: () => rm(folder, { recursive: true }) };
}

/** Serves on loopback. */
export async function serve(listener: RequestListener): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A client that keeps the session cookie. */
export class Client {
  readonly #url: string;
  /** The sid that the server gave last, until it takes it away. */
  sid: string | undefined;
  /** The last Set-Cookie header. */
  setCookie: string | undefined;

  constructor(url: string, sid?: string) {
    this.#url = url;
    this.sid = sid;
  }

  async send(path: string, init: RequestInit = {}): Promise<{ status: number; body: unknown }> {
    const headers = {
      ...(init.headers as Record<string, string>),
      ...(this.sid !== undefined && { cookie: `sid=${this.sid}` }),
    };
    const response = await fetch(this.#url + path, { ...init, headers });
    this.setCookie = response.headers.getSetCookie()[0];
    if (this.setCookie !== undefined) this.sid = /^sid=([^;]*); Max-Age=[1-9]/.exec(this.setCookie)?.[1];
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  async visits(): Promise<unknown> {
    return ((await this.send('/')).body as { visits?: unknown }).visits;
  }

  post(path: string, body: unknown = {}, type = 'application/json'): Promise<{ status: number; body: unknown }> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.send(path, { method: 'POST', body: text, headers: { 'content-type': type } });
  }
}
