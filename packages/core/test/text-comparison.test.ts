import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import type { SchemaField } from '../src/types.js';

const TABLE = 'kss_test_text_comparison';
const COLLATION = 'kss_test_text_collation';

/** Names of which one collation or the other takes some for the same. */
const NAMES = [
  ...['bob', 'BOB', 'Bob', 'bob ', 'bob  ', ' bob', 'bob\t', 'bob\n', 'böb', 'bo\u0308b', 'bób', 'ｂｏｂ'],
  ...['b\u200bob', 'b\u00adob', 'bob\u0001', 'bob\ufeff', 'bob\u3000', 'вов', 'ВОВ'], // what a collation ignores
  ...[
    '',
    ' ',
    '%',
    '_ob',
    'b%',
    '\\',
    "'",
    "bob' or '1'='1",
    '?',
    '🍪',
    '🍩',
    '👩‍👧',
    'ß',
    'ss',
    'ẞ',
    'ı',
    'i',
    'I',
    'İ',
  ],
  ...['0', '00', '0.0', '1e1', '10', 'null', 'NaN', 'x'.repeat(90), `${'x'.repeat(90)} `, 'é', 'e\u0301'],
];
/** Those of them that an 8-bit column holds. */
const LATIN = NAMES.filter((name) => /^[\x20-\x7e\xc0-\xff]*$/.test(name));

interface Kind {
  /** The column, as an app made it before; ours where this is left out. */
  readonly column?: string;
  readonly before?: string;
  readonly names?: readonly string[];
}

const OURS = { 'that we made': {} };
const MYSQL: Readonly<Record<string, Kind>> = {
  ...OURS,
  ...Object.fromEntries(
    ['general_ci', 'unicode_ci', 'unicode_520_ci', 'bin', 'german2_ci'].map((collation) => [
      `of utf8mb4_${collation}`,
      { column: `character set utf8mb4 collate utf8mb4_${collation}` },
    ]),
  ),
  'of latin1_swedish_ci': { column: 'character set latin1 collate latin1_swedish_ci', names: LATIN },
};

const KINDS: Readonly<Partial<Record<DatabaseName, Readonly<Record<string, Kind>>>>> = {
  sqlite: { ...OURS, 'of NOCASE': { column: 'collate nocase' }, 'of RTRIM': { column: 'collate rtrim' } },
  pglite: OURS,
  postgres: {
    ...OURS,
    'of a collation that ignores accents and case': {
      before: `create collation if not exists ${COLLATION} (provider = icu, locale = 'und-u-ks-level1', deterministic = false)`,
      column: `collate ${COLLATION}`,
    },
    'of citext': { before: 'create extension if not exists citext', column: 'citext' },
  },
  mariadb: { ...MYSQL, 'of utf8mb4_uca1400_ai_ci': { column: 'character set utf8mb4 collate utf8mb4_uca1400_ai_ci' } },
  mysql: { ...MYSQL, 'of utf8mb4_0900_ai_ci': { column: 'character set utf8mb4 collate utf8mb4_0900_ai_ci' } },
};

const FIELDS = [
  { name: 'nick', type: 'string', args: [100], index: true },
  { name: 'note', type: 'text' },
] as const satisfies readonly SchemaField[];

describeDatabases(
  'text is compared byte for byte',
  ({ name }, knex) => {
    let store: KnexSessionStore<typeof FIELDS> | undefined;

    const clean = async () => {
      await store?.close();
      await knex().schema.dropTableIfExists(TABLE);
      if (name === 'postgres') await knex().raw(`drop collation if exists ${COLLATION}`);
    };
    beforeAll(clean);
    afterEach(clean);

    const open = async ({ column, before }: Kind) => {
      if (column !== undefined) {
        const own = new KnexSessionStore(knex(), { tableName: TABLE, syncTimeout: 20_000, gcInterval: 0 });
        await own.waitForSync();
        await own.close();
        if (before !== undefined) await knex().raw(before);
        const type = (usual: string) => (column === 'citext' ? 'citext' : `${usual} ${column}`);
        await knex().raw(`alter table ${TABLE} add column nick ${type('varchar(100)')}`);
        await knex().raw(`alter table ${TABLE} add column note ${type('text')}`);
      }
      store = new KnexSessionStore(knex(), { tableName: TABLE, schemas: FIELDS, syncTimeout: 20_000, gcInterval: 0 });
      await store.waitForSync();
      return store;
    };

    it.each(Object.entries(KINDS[name] ?? {}))('in a column %s', async (_title, kind) => {
      const { names = NAMES } = kind;
      const used = await open(kind);
      await Promise.all(names.map((nick, n) => used.set(`sid-${n}`, { nick, note: nick })));

      for (const by of ['nick', 'note'] as const) {
        for (const [n, text] of names.entries()) {
          const where = by === 'nick' ? { nick: text } : { note: text };
          const found = await used.find(where);
          expect([text, found.map(({ columns }) => columns[by])]).toEqual([text, [text]]);
          const next = names[n + 1];
          if (next === undefined || n % 4 > 0) continue; // what a list takes or counts is made of the same conditions
          expect([text, await used.count(where)]).toEqual([text, 1]);
          const any = by === 'nick' ? { nick: [text, next] } : { note: [text, next] };
          expect([text, next, await used.count(any)]).toEqual([text, next, 2]);
        }
      }
      for (const [n, text] of names.entries()) {
        expect([text, await used.destroyWhere(n % 2 === 0 ? { nick: text } : { note: text })]).toEqual([text, 1]);
        expect([text, await used.get(`sid-${n}`)]).toEqual([text, null]);
      }
      expect(await used.count('all')).toBe(0);
    });
  },
  ['sqlite', 'pglite', 'postgres', 'mariadb', 'mysql'],
  { variants: [] }, // comparisons are a matter of the server
);
