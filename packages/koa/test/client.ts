/** An answer, read to its end. */
export interface Reply {
  readonly status: number;
  readonly text: string;
  /** The `Set-Cookie` headers. */
  readonly cookies: readonly string[];
}

// A request that hangs fails the test by name, before the test's own time is over.
const PATIENCE_MS = 20_000;

/** A browser, as far as sessions need one: it keeps cookies, sends them back, and drops those that the server clears. */
export class Client {
  readonly #origin: string;
  readonly #cookies: Map<string, string>;

  constructor(origin: string, cookies: Iterable<readonly [string, string]> = []) {
    this.#origin = origin;
    this.#cookies = new Map(cookies);
  }

  /** Sends a request and reads the whole answer. */
  async get(path: string, init: RequestInit = {}): Promise<Reply> {
    const response = await fetch(this.#origin + path, {
      ...init,
      headers: { cookie: this.cookieHeader },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const cookies = response.headers.getSetCookie();
    for (const line of cookies) this.#keep(line);
    return { status: response.status, text: await response.text(), cookies };
  }

  /** Another browser with the same cookies. */
  copy(): Client {
    return new Client(this.#origin, this.#cookies);
  }

  get cookieHeader(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  cookie(name: string): string | undefined {
    return this.#cookies.get(name);
  }

  setCookie(name: string, value: string): this {
    this.#cookies.set(name, value);
    return this;
  }

  #keep(line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    const expires = /; *expires=([^;]*)/i.exec(line)?.[1];
    const over = expires !== undefined && new Date(expires).getTime() <= Date.now();
    if (over || value === '') this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}
