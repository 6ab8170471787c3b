import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeDatabases, type OpenOptions } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_batch_processes';
const sids = Array.from({ length: 100 }, (_, i) => `s${i}`);
const ROUNDS = 8;

/** All of them from another place on in each round, and the other way round for every other store. */
function inOrder(process: number, round: number): string[] {
  const turned = [...sids.slice((round * 37) % 100), ...sids.slice(0, (round * 37) % 100)];
  return process % 2 === 0 ? turned : turned.reverse();
}

describeDatabases(
  'processes that write the same sessions in opposite orders, in batches',
  (database, direct) => {
    const folder = mkdtempSync(join(tmpdir(), 'kss-'));
    const knexes: Knex[] = [];
    const stores: KnexSessionStore[] = [];

    beforeAll(async () => {
      const options: OpenOptions = database.server === undefined ? { filename: join(folder, 'db.sqlite') } : {};
      await direct().schema.dropTableIfExists(TABLE);
      for (const maxSize of [100, 30]) {
        const knex = database.open(options);
        knexes.push(knex);
        stores.push(new KnexSessionStore(knex, { tableName: TABLE, gcInterval: 0, batch: { maxSize } }));
        await stores.at(-1)?.waitForSync();
      }
    });
    beforeEach(async () => {
      await stores[0]?.clear();
    });
    afterAll(async () => {
      for (const store of stores) await store.close();
      for (const knex of knexes) await knex.destroy();
      await direct().schema.dropTableIfExists(TABLE);
      rmSync(folder, { recursive: true });
    });

    /** Each process does its rounds beside the others; a round calls for all sessions at once. */
    const run = (call: (store: KnexSessionStore, process: number, sid: string, round: number) => Promise<unknown>) =>
      Promise.all(
        stores.map(async (store, process) => {
          for (let round = 1; round <= ROUNDS; round++) {
            await Promise.all(inOrder(process, round).map((sid) => call(store, process, sid, round)));
          }
        }),
      );
    const all = async () => (await Promise.all(sids.map((sid) => stores[0]?.get(sid)))) as Record<string, number>[];

    it('lose no change of either, and get no error', async () => {
      await Promise.all(sids.map((sid) => stores[0]?.set(sid, { p0: 0, p1: 0 })));
      await run(async (store, process, sid, round) => {
        const loaded = await store.load(sid);
        const session = { ...loaded?.session, [`p${process}`]: round };
        expect(await store.update(sid, session, { revision: loaded?.revision })).not.toBeNull();
      });
      expect(await all()).toStrictEqual(sids.map(() => ({ p0: ROUNDS, p1: ROUNDS })));
    });

    it('get no error from any verb', async () => {
      await run((store, process, sid, round) => {
        const verbs = [
          () => store.set(sid, { process, round }),
          () => store.update(sid, { process, round }),
          () => store.touch(sid, 1_000_000 + round),
          () => store.get(sid),
          () => store.destroy(sid),
        ];
        return Promise.all([verbs[(round + sids.indexOf(sid)) % 5]?.(), verbs[(round + process) % 5]?.()]);
      });
    });

    it.each<[string, (store: KnexSessionStore, sid: string, session: object) => Promise<unknown>]>([
      ['sets', (store, sid, session) => store.set(sid, session)],
      ['updates', (store, sid, session) => store.update(sid, session)],
      ['touches', (store, sid) => store.touch(sid)],
      [
        'sets and updates and ends',
        (store, sid, session) =>
          Promise.all([store.set(sid, session), store.destroy(`${sid}x`), store.update(sid, session)]),
      ],
    ])('lock their rows in one order: %s', async (_, call) => {
      const lost: unknown[] = [];
      const note = (error: unknown) => lost.push(error);
      for (const knex of knexes) knex.on('query-error', note);
      await Promise.all(sids.flatMap((sid) => [stores[0]?.set(sid, {}), stores[0]?.set(`${sid}x`, {})]));
      await run((store, process, sid, round) => call(store, sid, { process, round }));
      for (const knex of knexes) knex.removeListener('query-error', note);
      expect(await stores[0]?.count('all')).toBeGreaterThanOrEqual(100);
      // Servers that lock the gaps between rows deadlock all the same, and the statement is sent again.
      if (database.name === 'postgres') expect(lost).toStrictEqual([]);
    });
  },
  ['sqlite', 'postgres', 'mariadb', 'mysql'],
  { variants: ['pg-native', 'mariadb-mariadb-driver'] },
);
