import { deepStrictEqual } from 'node:assert/strict';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { anySession, everyColumn } from './every-column.js';
import { type Watch, watch } from './watch.js';

const TABLE = 'kss_batch_columns';

describeDatabases('sessions with a column of every type, saved together', ({ name }, knex) => {
  const fields = everyColumn(name);
  let store: KnexSessionStore<typeof fields>;
  let seen: Watch;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), {
      tableName: TABLE,
      schemas: fields,
      timestamps: true,
      gcInterval: 0,
      batch: { maxSize: 20 },
    });
    await store.waitForSync();
    seen = watch(knex());
  });

  afterAll(async () => {
    seen.stop();
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it('come back equal, whatever stands beside them in the statement', async () => {
    const sessions = fc.array(anySession(fields), { minLength: 2, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(sessions, sessions, async (given, changed) => {
        const each = <T>(of: readonly T[], call: (sid: string, one: T) => Promise<unknown>) =>
          Promise.all(of.map((one, i) => call(`s${i}`, one)));
        await each(given, (sid, session) => store.set(sid, session));
        // vitest's own comparison trips over a key named `constructor`.
        deepStrictEqual(await each(given, (sid) => store.get(sid)), given);

        seen.since();
        const updated = changed.slice(0, given.length);
        const revisions = await each(updated, (sid, session) => store.update(sid, session));
        expect(revisions).not.toContain(null);
        if (updated.length > 1) expect(seen.since().filter((sql) => sql.includes('update'))).toHaveLength(1);
        deepStrictEqual(await each(given, (sid) => store.get(sid)), [...updated, ...given.slice(updated.length)]);
        await store.clear();
      }),
      { numRuns: 60 },
    );
  }, 120_000);
});
