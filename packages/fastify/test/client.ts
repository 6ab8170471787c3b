import { createHmac } from 'node:crypto';

/** @fastify/session asks for 32 characters. */
export const SECRET = 'a secret of the tests, of 32 characters and more';

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The `Set-Cookie` headers. */
  readonly cookies: readonly string[];
}

/** Where a client keeps its cookies, by name, as they were sent. Cookies do not know ports, so applications share them. */
export type Jar = Map<string, string>;

/** How an application names and marks its session cookie. */
export interface CookieStyle {
  readonly name: string;
  readonly prefix: string;
}

const OWN_STYLE: CookieStyle = { name: 'sessionId', prefix: '' };

// A request that hangs fails the test before the test's own time is over, so that its name is seen.
const PATIENCE_MS = 20_000;

/** A browser, as far as sessions need one. It sends every cookie that it was not told to delete. */
export class Client {
  constructor(
    readonly origin: string,
    readonly jar: Jar = new Map(),
    readonly style: CookieStyle = OWN_STYLE,
  ) {}

  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const response = await fetch(this.origin + path, {
      headers: { ...headers, cookie: this.header },
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const cookies = response.headers.getSetCookie();
    this.keep(cookies);
    return { status: response.status, text: await response.text(), cookies };
  }

  keep(cookies: readonly string[]): void {
    for (const line of cookies) {
      const { name, value } = /^(?<name>[^=]+)=(?<value>[^;]*)/.exec(line)?.groups ?? {};
      if (name === undefined || value === undefined) continue;
      if (value === '') this.jar.delete(name);
      else this.jar.set(name, value);
    }
  }

  /** The `Cookie` header that it sends. */
  get header(): string {
    return Array.from(this.jar, (pair) => pair.join('=')).join('; ');
  }

  /** The sid in its cookie, without prefix and signature; undefined where it has none. */
  get sid(): string | undefined {
    const cookie = this.jar.get(this.style.name);
    const signed = cookie && decodeURIComponent(cookie).slice(this.style.prefix.length);
    return signed?.slice(0, signed.lastIndexOf('.'));
  }

  /** Takes on a sid, with the signature that the plugin would have given it. */
  assume(sid: string | undefined): this {
    this.jar.set(this.style.name, encodeURIComponent(this.style.prefix + signed(String(sid))));
    return this;
  }
}

/** A sid with its signature. */
export function signed(sid: string): string {
  return `${sid}.${createHmac('sha256', SECRET).update(sid).digest('base64').replaceAll('=', '')}`;
}
