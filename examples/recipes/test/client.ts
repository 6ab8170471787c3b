/** Sends JSON, and keeps the session cookie. */
export class Client {
  readonly #url: string;
  /** The session cookie, `name=value`. */
  cookie = '';

  constructor(url: string) {
    this.#url = url;
  }

  async get<T>(path: string): Promise<{ status: number; body: T }> {
    return this.#send(path, { method: 'GET' });
  }

  async post<T>(path: string, fields: object = {}): Promise<{ status: number; body: T }> {
    return this.#send(path, { method: 'POST', body: JSON.stringify(fields) });
  }

  async #send<T>(path: string, init: RequestInit): Promise<{ status: number; body: T }> {
    const headers = { 'content-type': 'application/json', cookie: this.cookie };
    const response = await fetch(this.#url + path, { ...init, headers });
    const [line] = response.headers.getSetCookie();
    if (line !== undefined) this.cookie = /^[^;]*/.exec(line)?.[0] ?? '';
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    return { status: response.status, body: (isJson ? JSON.parse(text) : text) as T };
  }
}

/** What the recipes list. */
export interface Listed {
  readonly handle: string;
  readonly current: boolean;
  readonly columns: { readonly user_id: string };
}
