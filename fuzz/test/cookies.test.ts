import { setTimeout as sleep } from 'node:timers/promises';
import { KnexSessionStore } from '@kss/core';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../src/app.js';
import { apps } from '../src/apps.js';
import { type Bystanders, bystanders } from '../src/bystanders.js';
import { text } from '../src/hostile.js';
import { ask } from '../src/raw-http.js';
import { fuzz } from '../src/run.js';

const at = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

/** What an attacker makes of the cookie of a victim, so that it is no longer that cookie; or of nothing. */
type Bend = (cookie: string) => Buffer;
const bent: fc.Arbitrary<Bend> = fc.oneof(
  // Within the signature, which is the last of it.
  fc.integer({ min: 1, max: 12 }).map((n) => (cookie: string) => Buffer.from(cookie.slice(0, -n))),
  fc.tuple(fc.integer({ min: 2, max: 12 }), fc.constantFrom(...'aB3_.')).map(([n, put]) => (cookie: string) => {
    const i = cookie.length - n;
    return Buffer.from(cookie.slice(0, i) + (cookie[i] === put ? '7' : put) + cookie.slice(i + 1));
  }),
  fc.constantFrom<Bend>(
    (cookie) => Buffer.from(cookie + cookie),
    (cookie) => Buffer.from(cookie.replace(/sid=/, 'sid=x')),
    (cookie) => Buffer.from(cookie.replace(/sid=/, 'SID=')),
    (cookie) => Buffer.from(cookie.replace(/^sid=(s%3A)?/, 'sid=s%3A')).fill('.', 20, 24),
    (cookie) => Buffer.from(cookie.replace(/\..*$/, '')),
    (cookie) => Buffer.from(cookie.replace(/\.[^;]*$/, '.')),
    () => Buffer.from('sid=s%3A.; sid=; sid'),
    () => Buffer.from('sid=%'),
    () => Buffer.from('sid=%00; sid.sig=%00'),
    () => Buffer.alloc(0),
    () => Buffer.from('; ; ;=;==;'),
    () => Buffer.from('__proto__=1; constructor=2; toString=3; sid=__proto__; sid.sig=__proto__'),
  ),
  fc.uint8Array({ maxLength: 80 }).map((bytes) => () => Buffer.concat([Buffer.from('sid='), bytes])),
  fc.uint8Array({ maxLength: 80 }).map((bytes) => () => Buffer.from(bytes)),
  text.map((put) => () => Buffer.from(`sid=${put}; sid.sig=${put}`)),
  text.map((put) => () => Buffer.from(`sid=${encodeURIComponent(put.replaceAll(/\p{Surrogate}/gu, ''))}`)),
  at.map((where) => (cookie: string) => Buffer.from(cookie.slice(0, Math.floor(where * (cookie.length - 1))))),
  fc.integer({ min: 1000, max: 20_000 }).map((n) => (cookie: string) => Buffer.from(`sid=${'x'.repeat(n)}${cookie}`)),
);
/** Sids that the app itself signed, as one does whose secret is known. */
const sid = text.map((one) => one.replaceAll(/\p{Surrogate}/gu, '')).filter((one) => one !== '');
/** A stored session that another program wrote, or the app of before. */
const stored = fc.oneof(
  fc
    .record(
      {
        originalMaxAge: fc.constantFrom<unknown>(null, 5, 1e300, -1, 'x', {}, [], true),
        expires: fc.constantFrom<unknown>(
          null,
          'never',
          '',
          5,
          1e300,
          {},
          false,
          '2031-01-01T00:00:00.000Z',
          '+999999-01-01',
        ),
        maxAge: fc.constantFrom<unknown>(0, 'x', null, 1e300),
        path: fc.constantFrom<unknown>('/', '\r\nX: y', '', 5, {}, null, ';'),
        domain: fc.constantFrom<unknown>('a', '\r\n', {}, 5),
        sameSite: fc.constantFrom<unknown>('x', {}, true, 'lax'),
        secure: fc.constantFrom<unknown>('auto', 1, true),
        httpOnly: fc.constantFrom<unknown>(0, 'x'),
      },
      { requiredKeys: [] },
    )
    .map((cookie) => ({ user: 'stored', cookie })),
  fc.constantFrom<unknown>(null, 5, 'x', [], true).map((cookie) => ({ user: 'stored', cookie })),
  fc.dictionary(
    fc.constantFrom(
      'id',
      'req',
      'save',
      'touch',
      'cookie',
      'reload',
      'sessionId',
      'encryptedSessionId',
      'then',
      '_ctx',
      '_expire',
      'isNew',
    ),
    fc.jsonValue({ maxDepth: 1 }),
  ),
  fc.constant(
    JSON.parse('{"__proto__":{"user":"polluted"},"constructor":{"prototype":{"user":"polluted"}}}') as object,
  ),
);

describeDatabases(
  'hostile cookies',
  ({ name }, knex) => {
    describe.each(Object.keys(apps))('through %s', (framework) => {
      const table = `kss_fuzz_cookies_${framework}`;
      let store: KnexSessionStore;
      let app: App;
      let others: Bystanders;
      let victim: string;

      const isIn = async () => (await ask(app.port, '/', Buffer.from(victim))).body.includes('victim');

      beforeAll(async () => {
        await knex().schema.dropTableIfExists(table);
        store = new KnexSessionStore(knex(), { tableName: table, gcInterval: 0, timeout: 60_000, onError: () => {} });
        await store.waitForSync();
        others = await bystanders(knex(), table);
        app = await (apps[framework] as (typeof apps)[string])(store);
        const { head } = await ask(app.port, '/in/victim', Buffer.alloc(0));
        victim = [...head.matchAll(/^set-cookie: ([^;\r]+)/gim)].map(([, cookie]) => cookie).join('; ');
        // Not every middleware waits until the session is saved.
        for (let tries = 0; !(await isIn()); tries++) {
          if (tries === 100) throw new Error('The victim is not signed in.');
          await sleep(20);
        }
      });
      afterAll(async () => {
        await app.close();
        await store.close();
        await others.remove();
        await knex().schema.dropTableIfExists(table);
      });

      /** Whether nothing was bent: one that is not signed has no signature to take away. */
      const isWhole = (cookie: Buffer) => cookie.equals(Buffer.from(victim));
      const cases = (all: number) => (name === 'sqlite' ? all : all / 20);
      /** The victim's session is there, and its cookie still opens it: the server lives. */
      const holds = async () => {
        await others.holds();
        const { status, body } = await ask(app.port, '/', Buffer.from(victim));
        expect([status, body.includes('victim')]).toStrictEqual([200, true]);
      };

      it('open no session of another', async () => {
        await fuzz({
          name: `cookies through ${framework} on ${name}`,
          cases: cases(8_000),
          arbitrary: fc.tuple(bent, fc.boolean()),
          shortMs: 500,
          holds,
          check: async ([bend, writes]) => {
            const cookie = bend(victim);
            if (isWhole(cookie)) return;
            const { status, head, body } = await ask(app.port, writes ? '/in/guest' : '/', cookie);
            expect([200, 400, 431]).toContain(status);
            expect(head + body).not.toContain('victim');
            expect(head).not.toMatch(/^a=b/m);
          },
        });
      });

      it('with sids that are hostile are sessions of their own', async () => {
        await fuzz({
          name: `signed sids through ${framework} on ${name}`,
          cases: cases(4_000),
          arbitrary: fc.tuple(sid, fc.boolean()),
          shortMs: 500,
          holds,
          check: async ([one, writes]) => {
            const cookie = Buffer.from(app.cookieOf(one));
            const { status, body } = await ask(app.port, writes ? '/in/guest' : '/', cookie);
            expect([200, 400, 431]).toContain(status);
            expect(body).not.toContain('victim');
          },
        });
      });

      it('of sessions that another program wrote end no server', async () => {
        await fuzz({
          name: `stored cookies through ${framework} on ${name}`,
          cases: cases(3_000),
          arbitrary: fc.tuple(stored, fc.boolean()),
          shortMs: 500,
          holds,
          check: async ([session, writes], i) => {
            const one = `stored-${i % 25}`;
            const row = { sid: app.prefix + one };
            await knex()(table).where(row).delete();
            await knex()(table).insert({ ...row, expire_at: 4_000_000_000_000, additional: JSON.stringify(session) });
            const { status, body } = await ask(app.port, writes ? '/in/guest' : '/', Buffer.from(app.cookieOf(one)));
            expect([200, 500]).toContain(status);
            expect(body).not.toMatch(/victim|polluted/);
          },
        });
      });
    });
  },
  ['sqlite', 'postgres'],
);
