import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';

const TABLE = 'kss_test_large_sessions';
const MB = 2 ** 20;
const WITH_PACKETS: readonly DatabaseName[] = ['mariadb', 'mysql'];

/** A session of about so many bytes of JSON, in characters of one to four bytes. */
const sessionOf = (bytes: number) => ({ user_id: 'ada', text: 'xü€🍪'.repeat(Math.floor(bytes / 10)) });

/** The bytes of the largest statement that the server takes. */
async function largestPacket(knex: Knex): Promise<number> {
  const [rows] = (await knex.raw('select @@max_allowed_packet as most')) as [{ most: unknown }[]];
  return Number(rows[0]?.most);
}

describeDatabases('a large session', ({ name }, knex) => {
  const schemas = [{ name: 'user_id', type: 'string', args: [20] }] as const;
  let store: KnexSessionStore<typeof schemas>;
  let most = Number.POSITIVE_INFINITY;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), { tableName: TABLE, schemas, timeout: 25_000, gcInterval: 0 });
    await store.waitForSync();
    if (WITH_PACKETS.includes(name)) most = await largestPacket(knex());
  });
  afterAll(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  it.for([4, 15])('comes back with %d MB where the server takes them', async (size, { skip }) => {
    const session = sessionOf(size * MB);
    if (JSON.stringify(session).length * 2.5 > most) skip(`the server takes ${most} bytes`);
    await store.set('big', session);
    expect((await store.get('big'))?.text === session.text).toBe(true);
    const loaded = await store.load('big');
    await store.update('big', { ...session, n: 1 }, { revision: loaded?.revision });
    expect((await store.get('big'))?.n).toBe(1);
    await store.destroy('big');
  });

  it.runIf(WITH_PACKETS.includes(name))(
    'is refused where the server does not take it, and the store goes on',
    async () => {
      const small = { user_id: 'ada', n: 1 };
      await store.set('one', small);
      const loaded = await store.load('one');
      const session = sessionOf(most + MB);
      const others = Array.from({ length: 5 }, (_, n) => store.set(`other-${n}`, small));
      const refusal = expect.objectContaining({
        name: 'KssError',
        code: expect.stringMatching(/^(DATABASE|TOO_LARGE)$/),
      });
      await expect(store.set('one', session)).rejects.toEqual(refusal);
      await expect(store.update('one', session, { revision: loaded?.revision })).rejects.toEqual(refusal);
      await Promise.all(others);
      expect(await store.get('one')).toEqual(small);
      expect(await store.count({ user_id: 'ada' })).toBe(6);
    },
  );
});
