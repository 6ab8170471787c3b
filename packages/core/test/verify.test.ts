import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { createSessionTable, KnexSessionStore, type TableProblem, verifySessionTable } from '../src/index.js';
import { failure } from './failure.js';
import { mismatchOf, statementsIn } from './mismatch.js';
import { DEFECTS, type Defect, makeTable, optionsFor } from './table-defects.js';

const TABLE = 'kss_test_verify';
const OPTIONS = optionsFor(TABLE);
const ADA = {
  user_id: 'ada',
  seen: new Date('2026-02-03T04:05:06.000Z'),
  rate: '1.500',
  kind: 'member',
  mail: 'ada@example.org',
  n: 1,
};

describeDatabases(
  'verifySessionTable',
  ({ name }, knex) => {
    const stores: { close(): Promise<void> }[] = [];
    const clean = async () => {
      await Promise.all(stores.splice(0).map((store) => store.close()));
      await knex().schema.dropTableIfExists(TABLE);
    };
    beforeAll(async () => {
      await clean();
      if (name !== 'postgres') return;
      await knex().raw('create extension if not exists citext');
      await knex().raw(
        "create collation if not exists kss_test_verify_caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
      );
    });
    afterEach(clean);

    // Each test has another table of this name: what a connection compiled for the last one has its types.
    const batch = { prepare: false };
    const open = (options: object = {}) => {
      const store = new KnexSessionStore(knex(), { ...OPTIONS, batch, gcInterval: 0, onError() {}, ...options });
      stores.push(store);
      return store;
    };
    const problems = () => verifySessionTable(knex(), OPTIONS);
    const mend = async (found: readonly TableProblem[]) => {
      for (const { sql } of found) for (const statement of sql) await knex().raw(statement);
      expect(await problems()).toEqual([]);
    };

    /** Saves what the table can hold as it is; undefined where it can hold no session. */
    const saveAda = async ({ kind, column }: Defect): Promise<object | undefined> => {
      if (kind === 'missing') {
        if (['expire_at', 'additional', 'revision'].includes(column)) return undefined;
        await open({ schemas: [], timestamps: false, sync: false }).set('ada', { user_id: 'ada', n: 1 });
        return { user_id: 'ada', n: 1 };
      }
      if (kind === 'unique') {
        await knex()(TABLE).insert({ sid: 'ada', expire_at: Date.now() + 60_000, additional: '{"n":1}' });
        return { n: 1 };
      }
      await open({ sync: false }).set('ada', ADA);
      return ADA;
    };

    const writesStill = async () => {
      const store = open();
      await store.waitForSync();
      const precise = { ...ADA, mail: 'bob@example.org', seen: new Date('2039-01-01T00:00:00.123Z') };
      await store.set('bob', precise);
      await store.set('BOB', { n: 2, user_id: 'x'.repeat(100), kind: 'k'.repeat(20), text: 'x'.repeat(70_000) });
      expect(await store.get('bob')).toStrictEqual(precise);
      expect(await store.get('BOB')).toMatchObject({ n: 2 });
      await expect(store.set('eve', { kind: 'member', mail: precise.mail })).rejects.toEqual(failure('COLUMN_VALUE'));
      // What was declared beside the type is still there.
      await knex()(TABLE).insert({ sid: 'raw', expire_at: 1 });
      expect(await knex()(TABLE).where({ sid: 'raw' }).pluck('kind')).toEqual(["gu'est"]);
      await expect(knex()(TABLE).insert({ sid: 'raw2', expire_at: 1, kind: null })).rejects.toThrow();
    };

    const mine = DEFECTS.filter(({ only }) => only === undefined || only.includes(name));
    const byHand = ({ byHand: where = [] }: Defect) => where.includes(name);

    it('finds nothing wrong with a table that fits', async () => {
      await makeTable(knex(), TABLE, name);
      expect(await problems()).toEqual([]);
    });

    it('gives the statements that make a table that is not there', async () => {
      const found = await problems();
      expect(found).toEqual([
        {
          kind: 'table',
          message: `There is no table '${TABLE}'.`,
          sql: expect.arrayContaining([expect.stringMatching(/^create table /)]),
          usable: false,
        },
      ]);
      await mend(found);
      await writesStill();
    });

    const broken = async (defect: Defect) => {
      await makeTable(knex(), TABLE, name, { [defect.column]: defect.make });
      const found = await problems();
      expect(found).toMatchObject([
        {
          kind: defect.kind,
          column: defect.column,
          usable: defect.usable === true,
          message: expect.stringMatching(new RegExp(`^The column '${defect.column}' [^]*\\.$`)),
        },
      ]);
      expect(found[0]?.message).toContain(defect.says);
      return found;
    };

    /** The store refuses the same at its start, with the same words. */
    const isRefused = async (found: readonly TableProblem[], { usable }: Defect) => {
      if (usable === true) return open().waitForSync();
      const error = await mismatchOf(open());
      expect(error.message).toContain(found[0]?.message);
      expect(statementsIn(error)).toEqual(found[0]?.sql);
    };

    const cases = (wanted: boolean) =>
      mine.filter((defect) => byHand(defect) === wanted).map((defect) => [defect.what, defect] as const);

    it.each(cases(true))('says what a person has to do where the table %s', async (_, defect) => {
      const found = await broken(defect);
      expect(found[0]?.message).toMatch(/Only you know what its values mean|sqlite\.org\/lang_altertable\.html/);
      expect(found[0]?.sql).toEqual([]);
      await isRefused(found, defect);
    });

    it.each(cases(false))('gives what mends it, and loses no session, where the table %s', async (_, defect) => {
      const found = await broken(defect);
      await isRefused(found, defect);
      const saved = await saveAda(defect);
      await mend(found);
      if (saved !== undefined) expect(await open().get('ada')).toMatchObject(saved);
      await writesStill();
    });

    it('says what does it where no statement can', async () => {
      await makeTable(knex(), TABLE, name, { sid: (table) => table.string('id', 255) });
      const tenant = {
        name: 'tenant',
        type: 'string',
        extra: (column: Knex.ColumnBuilder) => column.references('sid').inTable(TABLE),
      } as const;
      const found = await verifySessionTable(knex(), { ...OPTIONS, schemas: [tenant] });
      expect(found.map(({ kind, column }) => [kind, column])).toEqual([
        ['missing', 'sid'],
        ['missing', 'tenant'],
      ]);
      if (name !== 'sqlite') {
        expect(found.map(({ sql }) => sql.length)).not.toContain(0);
        return;
      }
      expect(found.map(({ sql }) => sql)).toEqual([[], []]);
      expect(found[0]?.message).toContain('no table of sessions');
      expect(found[1]?.message).toContain("addColumnsMigration(options, ['tenant']) does");
    });

    it('names all that is wrong at once, and changes nothing', async () => {
      await makeTable(knex(), TABLE, name, {
        user_id: null,
        rate: (table) => table.string('rate', 50),
        expire_at: (table) => table.bigInteger('expire_at').notNullable(),
      });
      const found = await problems();
      expect(found.map(({ kind, column }) => [kind, column])).toEqual([
        ['index', 'expire_at'],
        ['missing', 'user_id'],
        ['type', 'rate'],
      ]);
      expect(await problems()).toEqual(found);
      const error = failure('TABLE_MISMATCH', "'user_id' is missing", "'rate' has the type", 'This mends the rest:');
      await expect(createSessionTable(knex(), OPTIONS)).rejects.toEqual(error);
    });
  },
  undefined,
  { variants: ['sqlite3', 'pg-native', 'mysql-mariadb-driver'] },
);
