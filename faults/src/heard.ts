import { AsyncLocalStorage } from 'node:async_hooks';
import type { KnexSessionStore } from '@kss/core';

/** What one request met with. */
interface Met {
  /** Calls of the store that failed. */
  failed: number;
  /** Errors that reached the app: its error handler, or a callback of its own. */
  heard: number;
  status: number;
}

/** Counts, for each request, the errors of the store and those that the app heard of. */
export class Heard {
  readonly requests: Met[] = [];
  readonly #current = new AsyncLocalStorage<Met>();

  /** Runs one request; `statusOf` is asked when all is over. */
  run(work: () => void): Met {
    const met: Met = { failed: 0, heard: 0, status: 0 };
    this.requests.push(met);
    this.#current.run(met, work);
    return met;
  }

  /** The app hears of an error. */
  note(): void {
    const met = this.#current.getStore();
    // Somebody else's request, or nobody's, heard of it: as wrong as twice.
    if (met === undefined) this.requests.push({ failed: 0, heard: 1, status: 0 });
    else met.heard += 1;
  }

  /** The store, with its failures counted. */
  over(store: KnexSessionStore): KnexSessionStore {
    return new Proxy(store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          const result: unknown = Reflect.apply(member, target, args);
          if (result instanceof Promise) {
            const met = this.#current.getStore();
            result.catch(() => {
              if (met !== undefined) met.failed += 1;
            });
          }
          return result;
        };
      },
    });
  }
}
