import type { KnexSessionStore } from '@kss/express';
import { describeDatabases } from '@kss/test-kit';
import { sql as drizzleSql } from 'drizzle-orm';
import type { Knex } from 'knex';
import type { Kysely } from 'kysely';
import { sql as kyselySql } from 'kysely';
import type { Sequelize } from 'sequelize';
import { afterEach, describe, expect, it } from 'vitest';
import { run, snippetsOf } from './snippets.js';

const TABLE = 'kss_takeover_pool';
const MAX = 10;
const snippets = await snippetsOf('docs/bring-your-pool.md', 'ts');

/** What a snippet exports. */
interface Recipe {
  readonly knex: Knex;
  readonly sessions: KnexSessionStore;
  readonly pool?: { query(sql: string, done?: unknown): unknown; end(done?: unknown): unknown };
  readonly db?: unknown;
}

const POSTGRES = /node-postgres|PostgresDialect|'pg';\n\nexport const pool/;
const isFor = (name: string, code: string) => {
  if (code.includes("from 'sequelize'")) return true;
  return (name === 'postgres') === POSTGRES.test(code);
};

describe('the page', () => {
  it('has a recipe for each', () => {
    const headings = new Set(snippets.map(({ heading }) => heading));
    expect([...headings]).toEqual(['Plain pg', 'Plain mysql2', 'Kysely', 'Drizzle', 'Sequelize']);
  });
});

describeDatabases(
  'a pool that is lent',
  ({ name }) => {
    const given = process.env[`KSS_TEST_${name.toUpperCase()}_URL`];
    const mine = snippets.filter(({ code }) => isFor(name, code));
    let end: (() => Promise<unknown>) | undefined;
    afterEach(async () => {
      await end?.();
      end = undefined;
    });

    it.each(mine.map(({ heading, code }, i) => ({ title: `${heading} ${i}`, heading, code })))(
      '$title serves both',
      async ({ heading, code }) => {
        process.env.DATABASE_URL = given;
        const table = `${TABLE}_${name}_${heading.replace(/\W+/g, '_').toLowerCase()}`;
        const recipe = (await run(
          code.replace('new KnexSessionStore(knex)', `new KnexSessionStore(knex, { tableName: '${table}' })`),
        )) as unknown as Recipe;
        const { knex, sessions, pool, db } = recipe;
        end = async () => {
          await sessions.clear();
          await sessions.close();
          await knex.schema.dropTableIfExists(table);
          await knex.destroy();
          await endOf(heading, recipe);
        };

        await sessions.set('ada', { user_id: 'ada', n: 1 });
        expect(await sessions.get('ada')).toEqual({ user_id: 'ada', n: 1 });
        const loaded = await sessions.load('ada');
        await sessions.update('ada', { ...loaded?.session, n: 2 }, { revision: loaded?.revision });
        expect(await sessions.touch('ada')).toBe(true);

        // Connections of both, at once: as many as the pool has, and no more, unless the recipe says that there are two.
        const slow =
          name === 'postgres'
            ? 'select pg_backend_pid() as id, pg_sleep(0.1)'
            : 'select connection_id() as id, sleep(0.1) as s';
        const asked = Array.from({ length: MAX * 2 }, async () => [
          await idOf(() => knex.raw(slow)),
          await idOf(() => queryOf(heading, recipe, slow)),
        ]);
        const pairs = await Promise.all(asked);
        const isSecond = code.includes('connection: {');
        const ids = new Set(pairs.flat());
        const apps = new Set(pairs.map(([, id]) => id));
        if (isSecond) expect(pairs.filter(([id]) => apps.has(id))).toEqual([]);
        else expect(ids.size).toBeLessThanOrEqual(MAX);

        // The store leaves half of it to the app.
        if (!isSecond) {
          const writes = Promise.all(Array.from({ length: 40 }, (_, i) => sessions.set(`sid-${i}`, { n: i })));
          const answers = await Promise.all(
            Array.from({ length: 5 }, () => idOf(() => queryOf(heading, recipe, slow))),
          );
          expect(answers.every((id) => id > 0)).toBe(true);
          await writes;
          expect(await sessions.count('all')).toBe(41);
        }
        expect(pool ?? db).toBeDefined();
      },
    );

    it('a second one reaches the server as the first does, through TLS where that is said', async () => {
      process.env.DATABASE_URL = given;
      const apart = mine.find(({ heading, code }) => heading === 'Sequelize' && code.includes('connection: {'));
      if (apart === undefined) throw new Error('The page lacks the recipe with two pools.');
      const secured = apart.code.replace(
        'logging: false,',
        'logging: false, dialectOptions: { ssl: { rejectUnauthorized: false } },',
      );
      expect(secured).not.toBe(apart.code);
      const recipe = (await run(secured)) as unknown as Recipe;
      end = async () => {
        await recipe.sessions.close();
        await recipe.knex.destroy();
        await endOf('Sequelize', recipe);
      };
      const asked =
        name === 'postgres'
          ? 'select ssl::int as id from pg_stat_ssl where pid = pg_backend_pid()'
          : "select variable_value <> '' as id from information_schema.session_status where variable_name = 'Ssl_cipher'";
      const sql = name === 'mysql' ? asked.replace('information_schema', 'performance_schema') : asked;
      const tells = (query: () => PromiseLike<unknown>) => idOf(query).catch((error: unknown) => String(error));
      const theirs = await tells(() => (recipe.db as Sequelize).query(sql));
      const ours = await tells(() => recipe.knex.raw(sql));
      // A server without TLS refuses both.
      if (typeof theirs === 'number') expect([theirs, ours]).toEqual([1, 1]);
      else for (const refusal of [theirs, ours]) expect(refusal).toMatch(/does not support (secure|SSL)/);
    });

    it('is shared by half: of two connections, one stays with the app while the database stalls', async () => {
      process.env.DATABASE_URL = given;
      const plain = mine.find(({ code }) => !code.includes('db =') && !code.includes('promise'));
      if (plain === undefined) throw new Error('The page lacks the plain recipe.');
      const table = `${TABLE}_${name}_half`;
      const recipe = (await run(
        plain.code
          .replace(/(max|connectionLimit): 10/, '$1: 2')
          .replace(
            'new KnexSessionStore(knex)',
            `new KnexSessionStore(knex, { tableName: '${table}', timeout: 20_000 })`,
          ),
      )) as unknown as Recipe;
      const { knex, sessions } = recipe;
      end = async () => {
        await sessions.close();
        await knex.schema.dropTableIfExists(table);
        await knex.destroy();
        await endOf(plain.heading, recipe);
      };
      for (const sid of ['ada', 'bob', 'eve']) await sessions.set(sid, {});
      const { promise: held, resolve: release } = withResolvers<void>();
      const { promise: locked, resolve: isLocked } = withResolvers<void>();
      const other = (await run(plain.code.replace(/export const sessions.*\n/, ''))) as unknown as Recipe;
      const lock = other.knex.transaction(async (trx) => {
        await trx(table).forUpdate();
        isLocked();
        await held;
      });
      await locked;
      const stalled = Promise.all([sessions.set('ada', { n: 1 }), sessions.touch('bob'), sessions.destroy('eve')]);
      await new Promise((resolve) => setTimeout(resolve, 200));
      // The one that is left answers.
      expect(await idOf(() => queryOf(plain.heading, recipe, 'select 7 as id'))).toBe(7);
      release();
      await lock;
      await stalled;
      await other.knex.destroy();
      await endOf(plain.heading, other);
    });
  },
  ['postgres', 'mariadb', 'mysql'],
);

/** A statement, sent by the library that the pool belongs to. */
function queryOf(heading: string, { pool, db }: Recipe, text: string): Promise<unknown> {
  if (heading === 'Kysely') return kyselySql.raw(text).execute(db as Kysely<unknown>);
  if (heading === 'Drizzle') return (db as { execute(query: unknown): Promise<unknown> }).execute(drizzleSql.raw(text));
  if (heading === 'Sequelize') return (db as Sequelize).query(text);
  if (pool === undefined) throw new Error(`The recipe for ${heading} has no pool.`);
  if ('pool' in pool) return pool.query(text) as Promise<unknown>; // of promises, with the other inside
  const { promise, resolve, reject } = withResolvers<unknown>();
  const sent = pool.query(text, (error: unknown, rows: unknown) => (error ? reject(error) : resolve(rows)));
  return sent instanceof Promise ? sent : promise;
}

async function endOf(heading: string, { pool, db }: Recipe): Promise<void> {
  if (heading === 'Sequelize') await (db as Sequelize).close();
  const { promise, resolve } = withResolvers<unknown>();
  const ended = pool?.end(resolve);
  if (pool !== undefined && !(ended instanceof Promise)) await promise;
}

/** The number in the first row, whatever the library wraps it in. */
async function idOf(query: () => PromiseLike<unknown>): Promise<number> {
  const found = /"id":"?(\d+)/.exec(
    JSON.stringify(await query(), (_, value) => (typeof value === 'bigint' ? String(value) : value)),
  );
  return Number(found?.[1]);
}

/** As newer versions of Node have it. */
function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}
