import { afterAll, beforeAll, expect } from 'vitest';
import { Client } from './client.js';
import type { RunningApp, TestedApp } from './start.js';

/** Who visits an example while its tests run. */
export interface Visits {
  /** The example's sessions. */
  readonly core: RunningApp['core'];
  /** A browser that has not been there before. */
  visitor(headers?: Record<string, string>): Client;
  signedIn(name: string, headers?: Record<string, string>): Promise<Client>;
  /** The sid of a visitor, as the store knows it. */
  sidOf(client: Client): string;
}

/** Runs an example from before the first test of a suite until after the last. */
export function useVisits({ start, sidIn }: TestedApp): Visits {
  let app: RunningApp;
  beforeAll(async () => {
    app = await start();
  });
  afterAll(() => app.stop());

  return {
    get core() {
      return app.core;
    },
    visitor: (headers) => new Client(app.url, headers),
    async signedIn(name, headers) {
      const client = new Client(app.url, headers);
      expect((await client.signIn(name)).headers.get('location')).toBe('/');
      return client;
    },
    sidOf({ cookie }) {
      if (cookie === undefined) throw new Error('This visitor has no session cookie.');
      return sidIn(decodeURIComponent(cookie));
    },
  };
}
