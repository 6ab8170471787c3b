import { listed } from '@kss/test-kit/listed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OwnServer } from './own-server.js';
import { type ServerKind, serverKinds } from './servers.js';

/** Runs a suite where it can run; else it is skipped aloud, or fails where KSS_TEST_REQUIRE names what is missing. */
export function describeWhere(title: string, name: string, absent: string | undefined, suite: () => void): void {
  if (absent === undefined) {
    describe(`${title} on ${name}`, suite);
  } else if (listed('KSS_TEST_REQUIRE').includes(name)) {
    describe(`${title} on ${name}`, () => it('is required here', () => expect(absent).toBeUndefined()));
  } else {
    console.warn(`SKIPPED: ${title} on ${name}: ${absent}`);
    describe.skip(`${title} on ${name} (${absent})`, () => it('is skipped', () => {}));
  }
}

/** Runs a suite once with each server of its own, which is there from before its first test until after its last. */
export function describeServers(title: string, suite: (server: () => OwnServer, kind: ServerKind) => void): void {
  for (const kind of serverKinds) {
    describeWhere(title, kind.name, kind.absent, () => {
      let server: OwnServer | undefined;
      beforeAll(async () => {
        server = await OwnServer.start(kind);
      });
      afterAll(() => server?.remove());
      suite(() => {
        if (server === undefined) throw new Error('The server is there only while tests run.');
        return server;
      }, kind);
    });
  }
}
