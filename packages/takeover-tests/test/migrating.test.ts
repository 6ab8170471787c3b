import { readFile } from 'node:fs/promises';
import type { ExpressSessionStore } from '@kss/express';
import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import express from 'express';
import type { Knex } from 'knex';
import Koa from 'koa';
import { createPool } from 'mysql2/promise';
import { describe, expect, it, vi } from 'vitest';
import { listening, SECRET } from './express-app.js';
import { listening as listeningKoa } from './koa-app.js';
import { mysqlOptions, postgresPool, tableOfPgSimple } from './predecessors.js';
import { run, type Snippet, snippetsOf } from './snippets.js';

const PAGE = 'docs/migrating.md';
const HOUR = 3_600_000;
const diffs = await snippetsOf(PAGE, 'diff');
const blocks = await snippetsOf(PAGE, 'ts');

/** The code before a change, and after it, on a table of the test's own. */
function sides({ code }: Snippet, table: string): { readonly before: string; readonly after: string } {
  const side = (other: string) =>
    code
      .split('\n')
      .filter((line) => !line.startsWith(other))
      .map((line) => line.slice(1))
      .join('\n')
      .replaceAll("'logins'", `'${table}'`);
  return { before: side('+'), after: side('-') };
}

function diffOf(heading: string): Snippet {
  const found = diffs.find((snippet) => snippet.heading === heading);
  if (found === undefined) throw new Error(`The page shows no change for ${heading}.`);
  return found;
}

it('has a change for each predecessor', () => {
  expect(diffs.map(({ heading }) => heading)).toEqual([
    ...['connect-session-knex', 'connect-pg-simple', 'express-mysql-session', 'knex-schema-session-store'],
    ...['koa-generic-session-knex', 'connect-session-kysely', 'sequelize-session-store'],
  ]);
});

const text = await readFile(new URL(`../../../${PAGE}`, import.meta.url), 'utf8');
const sectionOf = (heading: string) => text.split(/^## /m).find((section) => section.startsWith(`${heading}\n`)) ?? '';

it('says of each how to install, change, roll out and go back, and what changes', () => {
  for (const { heading } of diffs) {
    const parts = [...sectionOf(heading).matchAll(/^(?:\*\*([\w ]+)\.\*\*|(```diff)|(What changes):)/gm)];
    expect(parts.map(([, bold, diff, list]) => bold ?? diff ?? list)).toEqual([
      ...['Install', '```diff', 'Roll out', 'Go back', 'Other calls', 'What changes'],
    ]);
  }
});

it('installs what each change imports', () => {
  for (const { heading, code } of diffs) {
    const section = sectionOf(heading);
    const installed = /`npm install ([^`]*)`/.exec(section)?.[1]?.split(' ');
    const imported = [...code.matchAll(/^\+.* from '(@kss\/\w+)/gm)].map(([, name]) => name);
    expect(imported).toContain('@kss/core');
    expect(installed).toEqual(expect.arrayContaining(imported));
  }
});

const MOVES: readonly [string, readonly DatabaseName[]][] = [
  ['connect-session-knex', ['sqlite', 'postgres', 'mariadb', 'mysql']],
  ['connect-pg-simple', ['postgres']],
  ['express-mysql-session', ['mariadb', 'mysql']],
  ['knex-schema-session-store', ['sqlite', 'postgres', 'mariadb', 'mysql']],
];

describe.each(MOVES)('the change for %s', (heading, databases) => {
  const table = `kss_takeover_page_${heading.replace(/\W+/g, '_')}`;

  describeDatabases(
    'is made and taken back',
    ({ name }, knex) => {
      it('and the browser stays signed in', async () => {
        await knex().schema.dropTableIfExists(table);
        const pool =
          name === 'postgres' ? postgresPool() : name === 'sqlite' ? undefined : createPool(mysqlOptions(name));
        if (heading === 'connect-pg-simple') await knex().raw(tableOfPgSimple(table));
        const { before, after } = sides(diffOf(heading), table);
        const start = async (code: string) => {
          const app = heading.startsWith('knex-schema') ? new Koa() : express();
          if (app instanceof Koa) app.keys = [SECRET];
          await run(code, { knex: knex(), pool, app, secret: SECRET });
          return app instanceof Koa ? listeningKoa(app) : listening(app as express.Express);
        };
        const old = await start(before);
        await tableMade(knex(), table);
        const { cookie } = await old.request('/login/ada');
        const ours = await start(after);
        try {
          expect((await ours.request('/me', cookie)).session).toMatchObject({ user_id: 'ada' });
          await ours.request('/set/theme/dark', cookie);
          // Back again.
          expect((await old.request('/me', cookie)).session).toMatchObject({ user_id: 'ada', theme: 'dark' });
          expect(await knex()(table).select()).toHaveLength(1);
          await ours.request('/logout', cookie);
          expect((await old.request('/me', cookie)).session).not.toHaveProperty('user_id');
        } finally {
          await old.close();
          await ours.close();
          await pool?.end();
          await knex().schema.dropTableIfExists(table);
        }
      });
    },
    databases,
  );
});

interface Row {
  readonly heading: string;
  readonly sid: string;
  readonly make: (made: Knex.CreateTableBuilder, name: DatabaseName) => unknown;
  readonly row: (sid: string, text: string, name: DatabaseName) => object;
}

const instant = (name: DatabaseName) => {
  const iso = new Date(Date.now() + HOUR).toISOString();
  return /mysql|mariadb/.test(name) ? iso.slice(0, 19) : iso;
};

// What no registry serves, as its documentation has it.
const ROWS: readonly Row[] = [
  {
    heading: 'koa-generic-session-knex',
    sid: 'koa:sess:ada',
    make: (made) => [made.string('id', 100).primary(), made.text('data'), made.bigInteger('expires').index()],
    row: (id, data) => ({ id, data, expires: Math.floor((Date.now() + HOUR) / 1000) }),
  },
  {
    heading: 'connect-session-kysely',
    sid: 'ada',
    make: (made) => [made.string('sid').primary(), made.json('sess'), made.timestamp('expired').notNullable()],
    row: (sid, sess, name) => ({ sid, sess, expired: instant(name) }),
  },
  {
    heading: 'sequelize-session-store',
    sid: 'ada',
    make: (made, name) => [
      made.string('sid').primary(),
      made.text('sess').notNullable(),
      made.specificType('expire', /mysql|mariadb/.test(name) ? 'datetime(6)' : 'timestamptz').notNullable(),
      made.string('user_id'),
    ],
    row: (sid, sess, name) => ({ sid, sess, expire: instant(name) }),
  },
];

describe.each(ROWS)('the change for $heading', ({ heading, sid, make, row }) => {
  const table = `kss_takeover_page_${heading.replace(/\W+/g, '_')}`;

  describeDatabases(
    'opens its table',
    ({ name }, knex) => {
      it('and its sessions are there', async () => {
        await knex().schema.dropTableIfExists(table);
        await knex().schema.createTable(table, (made) => void make(made, name));
        await knex()(table).insert(row(sid, '{"user_id":"ada","cookie":{"path":"/"}}', name));
        const { after } = sides(diffOf(heading), table);
        const { store, sessions } = (await run(`${after}\nexport { store, sessions };`, { knex: knex() })) as {
          store: ExpressSessionStore;
          sessions: { close(): Promise<void> };
        };
        const found = (await store.get(sid)) as unknown as { user_id?: string; cookie: object } | null;
        expect(found).toMatchObject({ user_id: 'ada' });
        await store.set(sid, { ...found, user_id: 'bob' } as never);
        const stored = JSON.stringify(await knex()(table).first());
        expect(stored).toContain('bob');
        if (heading === 'sequelize-session-store')
          expect(await knex()(table).first()).toMatchObject({ user_id: 'bob' });
        await sessions.close();
        await knex().schema.dropTableIfExists(table);
      });
    },
    // On SQL Server and Oracle nothing is run, and its saves failed on MySQL and MariaDB.
    heading === 'connect-session-kysely'
      ? ['sqlite', 'postgres']
      : heading === 'sequelize-session-store'
        ? ['postgres', 'mariadb', 'mysql']
        : ['sqlite', 'postgres', 'mariadb', 'mysql'],
  );
});

describeDatabases(
  'what every move has in common',
  (_, knex) => {
    it('is asked, made and filled as the page says', async () => {
      const table = 'kss_takeover_page_common';
      await knex().schema.dropTableIfExists(table);
      const app = express();
      const { before } = sides(diffOf('connect-session-knex'), table);
      await run(before, { knex: knex(), app, secret: SECRET });
      const old = await listening(app);
      const said = vi.spyOn(console, 'log').mockImplementation(() => {});
      try {
        await tableMade(knex(), table);
        await old.request('/login/ada');
        await old.request('/login/bob');
        const codes = blocks.map(({ code }) => code.replaceAll("'logins'", `'${table}'`));
        expect(codes).toHaveLength(2);
        for (const code of codes) await run(code, { knex: knex() });
        const [[asked], [found]] = said.mock.calls as [[string], [readonly { readonly columns: object }[]]];
        expect(asked).toContain('The table of connect-session-knex, with 2 sessions.');
        expect(asked).toContain(`new KnexSessionStore(...connectSessionKnex({ knex, tableName: '${table}' }))`);
        expect(found.map(({ columns }) => columns)).toEqual([{ user_id: 'ada' }]);
      } finally {
        said.mockRestore();
        await old.close();
        await knex().schema.dropTableIfExists(table);
      }
    });
  },
  ['sqlite', 'postgres', 'mariadb', 'mysql'],
);

async function tableMade(knex: Knex, table: string): Promise<void> {
  await vi.waitFor(async () => expect(await knex.schema.hasTable(table)).toBe(true), { timeout: 10_000 });
}
