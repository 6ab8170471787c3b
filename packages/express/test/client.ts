import { createHmac } from 'node:crypto';

export const SECRET = 'a secret of the tests';

/** An answer, read to its end. */
interface Reply {
  readonly status: number;
  readonly text: string;
  /** The `Set-Cookie` headers. */
  readonly cookies: readonly string[];
}

// A request that hangs fails the test by name, before the test's own time is over.
const PATIENCE_MS = 20_000;

/** A browser, as far as sessions need one: it keeps cookies and sends them back, even when they have expired. */
export class Client {
  readonly #origin: string;
  readonly #cookies = new Map<string, string>();

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** Sends a request and reads the whole answer. Redirects are left to the caller. */
  async get(path: string): Promise<Reply> {
    const response = await this.head(path);
    const { status, headers } = response;
    return { status, text: await response.text(), cookies: headers.getSetCookie() };
  }

  /** Sends a request; resolves at the head of the answer, the body still to come. */
  async head(path: string): Promise<Response> {
    const response = await fetch(this.#origin + path, {
      headers: { cookie: this.cookieHeader },
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.#cookies.set(name, value);
    }
    return response;
  }

  get cookieHeader(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** The session id in the cookie, without its signature. */
  sid(name = 'connect.sid'): string {
    const cookie = this.#cookies.get(name);
    if (cookie === undefined) throw new Error(`There is no cookie ${name}.`);
    const signed = decodeURIComponent(cookie);
    return signed.slice(2, signed.lastIndexOf('.'));
  }

  /** Takes on a session id, signed as express-session signs it. */
  assume(sid: string, name = 'connect.sid'): this {
    const signature = createHmac('sha256', SECRET).update(sid).digest('base64').replace(/=+$/, '');
    this.#cookies.set(name, encodeURIComponent(`s:${sid}.${signature}`));
    return this;
  }
}
