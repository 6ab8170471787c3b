import type { Held } from './ledger.js';
import type { Target } from './load.js';

/** An app as a target: each sid is a browser with cookies of its own, which it never throws away. */
export function httpTarget(url: string): Target {
  const jars = new Map<string, Map<string, string>>();

  const ask = async (sid: string, method: 'GET' | 'POST', path: string): Promise<Held> => {
    const jar = jars.get(sid) ?? new Map<string, string>();
    jars.set(sid, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url + path, { method, headers: { cookie } });
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      // A browser would forget a cookie that is cleared; one that does not shows whether the session came back.
      if (value !== '' && !/expires=Thu, 01 Jan 1970/i.test(set)) jar.set(name, value);
    }
    const answer = (await response.json()) as { n?: Held; code?: string };
    if (response.status === 503) throw Object.assign(new Error(path), { name: 'KssError', code: answer.code });
    if (response.status !== 200) throw new Error(`${path} was answered with ${response.status}.`);
    return answer.n ?? null;
  };

  const end = async (sid: string): Promise<null> => {
    await ask(sid, 'POST', '/end');
    return null;
  };

  return {
    save: (sid, n) => ask(sid, 'POST', `/save/${n}`),
    change: (sid, n) => ask(sid, 'POST', `/save/${n}`),
    read: (sid) => ask(sid, 'GET', '/'),
    touch: async (sid) => (await ask(sid, 'GET', '/')) !== null,
    end,
    kick: end, // a request that saves late takes an app that waits
  };
}
