import { knexSchemaSessionStore } from '@kss/core/takeover';
import { KnexSessionStore, KoaSessionStore } from '@kss/koa';
import { describeDatabases } from '@kss/test-kit';
import { KnexSchemaSessionStore } from 'knex-schema-session-store';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { endsIn, greatest, handleOf, howMany, inLanes, note } from './carried.js';
import { koaApp } from './koa-app.js';
import { versionOf } from './predecessors.js';

const TABLE = 'kss_takeover_many_koa';
const HOUR = 3_600_000;
const KOA_SPARE = 10_000; // koa-session gives a store this much more than its cookies have
const MANY = howMany(true);
const OPTIONS = { table_name: TABLE, schemas: [{ name: 'user_id', type: 'string', args: [100] }] } as const;
const SEEN = '{"pages":["/"],"ünïcode":"✓"}';

describeDatabases(
  `${MANY} sessions of knex-schema-session-store 0.6`,
  ({ name, label }, knex) => {
    let theirs: KnexSchemaSessionStore;
    let core: ReturnType<typeof ourStore>;
    const ourStore = () => new KnexSessionStore(...knexSchemaSessionStore(knex(), OPTIONS));
    const ends = () => endsIn(knex(), name, TABLE, { sid: 'sid', expiry: 'expire_at', as: 'milliseconds' });

    beforeAll(async () => {
      await knex().schema.dropTableIfExists(TABLE);
      theirs = new KnexSchemaSessionStore(knex(), OPTIONS);
      await theirs.wait_for_sync();
      core = ourStore();
      await core.waitForSync();
    });
    afterAll(async () => {
      await core?.close();
      await knex().schema.dropTableIfExists(TABLE);
    });

    it('are all there, with their ends, and go back', { timeout: 300_000 }, async ({ task }) => {
      // Written by it, through its middleware.
      const old = await koaApp(theirs, HOUR);
      const from = Date.now();
      const sids: string[] = [];
      await inLanes(MANY, async (n) => {
        const { cookie } = await old.request(`/login/user${n}`);
        sids[n] = sidOf(cookie);
      });
      const to = Date.now();
      await old.close();

      expect(await core.count('all')).toBe(MANY);
      const read = await Promise.all(sids.map((sid) => core.load(sid)));
      const isWhole = (session: Record<string, unknown> | null | undefined, n: number) =>
        session?.user_id === `user${n}` && JSON.stringify(session.seen) === SEEN;
      const toOurs = read.filter((loaded, n) => isWhole(loaded?.session, n)).length;

      const before = await ends();
      const infos = await core.find('all', { limit: Number.POSITIVE_INFINITY });
      const told = new Map(infos.map(({ handle, expiresAt }) => [handle, expiresAt.getTime()]));
      const end = (sid: string) => before.get(sid) ?? Number.NaN;
      const endRead = greatest(sids.map((sid) => Math.abs(end(sid) - (told.get(handleOf(sid)) ?? Number.NaN))));
      expect(sids.every((sid) => end(sid) >= from + HOUR && end(sid) <= to + HOUR + KOA_SPARE)).toBe(true);

      // Changed by ours, with a lifetime as koa-session gives it, and read by the predecessor.
      const early: number[] = [];
      const late: number[] = [];
      await inLanes(MANY, async (n) => {
        early[n] = Date.now();
        const { session, revision } = read[n] ?? {};
        await core.update(sids[n] ?? '', { ...session, n }, { revision, maxAge: HOUR });
        late[n] = Date.now();
      });
      const after = await ends();
      const outside = (at: number, n: number) => Math.max((early[n] ?? 0) + HOUR - at, at - (late[n] ?? 0) - HOUR, 0);
      const endWritten = greatest(sids.map((sid, n) => outside(after.get(sid) ?? Number.NaN, n)));
      let back = 0;
      await inLanes(MANY, async (n) => {
        const session = await theirs.get(sids[n] ?? '');
        if (isWhole(session, n) && session?.n === n) back += 1;
      });
      note(task, {
        ...{ predecessor: 'knex-schema-session-store', version: versionOf('knex-schema-session-store') },
        ...{ database: label, sessions: MANY, toOurs, back, endRead, endWritten },
      });
      expect({ toOurs, back }).toEqual({ toOurs: MANY, back: MANY });
      expect({ endRead, endWritten }).toEqual({ endRead: 0, endWritten: 0 });

      // Born in ours, and signed by the same keys: a sample, through the middleware.
      const ours = await koaApp(new KoaSessionStore(core), HOUR);
      await inLanes(MANY / 20, async (n) => {
        const { cookie } = await ours.request(`/login/later${n}`);
        expect(await theirs.get(sidOf(cookie))).toMatchObject({ user_id: `later${n}` });
      });
      await ours.close();
      expect(await core.clear()).toBe(MANY + MANY / 20);
    });
  },
  ['sqlite', 'postgres', 'mariadb', 'mysql'],
);

/** The session id in a cookie of koa-session, which signs it beside. */
function sidOf(cookie: string): string {
  return /koa\.sess=([^;]*)/.exec(cookie)?.[1] ?? '';
}
