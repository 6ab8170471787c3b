/** A browser without a window: keeps its cookies, follows nothing. */
export class Client {
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #cookies = new Map<string, string>();

  constructor(url: string, headers: Record<string, string> = {}) {
    this.#url = url;
    this.#headers = headers;
  }

  /** The session cookie as the browser holds it. */
  get cookie(): string | undefined {
    return this.#cookies.get('kss.sid');
  }

  get(path: string): Promise<Response> {
    return this.#send(path, {});
  }

  /** Sends a form. */
  post(path: string, fields: Record<string, string> = {}): Promise<Response> {
    return this.#send(path, { method: 'POST', body: new URLSearchParams(fields) });
  }

  /** The token that the forms of a page carry. */
  async token(path: string): Promise<string> {
    return tokenIn(await (await this.get(path)).text());
  }

  /** Signs in through the form. */
  async signIn(name: string): Promise<Response> {
    return this.post('/sign-in', { _csrf: await this.token('/sign-in'), name });
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...this.#headers, ...(cookie && { cookie }) };
    const response = await fetch(this.#url + path, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    return response;
  }

  #keep(line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    const expires = /; expires=([^;]+)/i.exec(line)?.[1];
    if (expires !== undefined && Date.parse(expires) <= Date.now()) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}

function tokenIn(html: string): string {
  const token = /name="_csrf" value="([\w-]{20,})"/.exec(html)?.[1];
  if (token === undefined) throw new Error(`No form with a token in this page:\n${html}`);
  return token;
}
