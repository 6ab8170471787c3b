import { deepStrictEqual } from 'node:assert/strict';
import { describeDatabases } from '@kss/test-kit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isKssError, KnexSessionStore } from '../src/index.js';
import type { ColumnType, SchemaField } from '../src/types.js';
import { anyValue, columnVariants } from './column-variants.js';
import { everyColumn, heldBy } from './every-column.js';

const TABLE = 'kss_test_column_values';
const SID = 'one';

describeDatabases('a column of any type with any arguments', ({ name }, knex) => {
  const plain = everyColumn(name).map((field) => ({ field, held: heldBy(field.type) }));
  const variants = [...plain, ...columnVariants(name)];
  const fields: readonly SchemaField[] = variants.map(({ field }) => field);
  const comparable = fields.filter(({ type }) => type !== 'json' && type !== 'jsonb');
  let store: KnexSessionStore<typeof fields>;

  beforeAll(async () => {
    await knex().schema.dropTableIfExists(TABLE);
    store = new KnexSessionStore(knex(), {
      tableName: TABLE,
      schemas: fields,
      timestamps: true,
      syncTimeout: 20_000,
      gcInterval: 0,
    });
    await store.waitForSync();
  });

  afterAll(async () => {
    await store.close();
    await knex().schema.dropTableIfExists(TABLE);
  });

  const row = async () => (await knex()(TABLE).select('*').where('sid', SID))[0] as Record<string, unknown>;

  it.skipIf(name === 'pglite')('keeps a byte order mark before a text', async () => {
    const session = { c_string: '\ufeffbob', c_text: '\ufeff' };
    await store.set(SID, session);
    expect(await store.get(SID)).toStrictEqual(session);
    await store.destroy(SID);
  });

  it('gives back what it can hold, to every verb, and is found by it', async () => {
    const session = fc.record(
      Object.fromEntries(variants.map(({ field, held }) => [field.name, fc.option(held, { nil: null, freq: 6 })])),
      { requiredKeys: [], noNullPrototype: true },
    );
    await fc.assert(
      fc.asyncProperty(session, fc.boolean(), async (given, replacing) => {
        const loaded = replacing ? await store.load(SID) : null;
        if (loaded === null) await store.set(SID, given);
        else await store.update(SID, given, { revision: loaded.revision });
        deepStrictEqual(await store.get(SID), given);
        deepStrictEqual((await store.load(SID))?.session, given);

        const [entry] = await store.find('all', { data: true });
        deepStrictEqual(entry?.data, given);
        const shown = fields.filter(({ type }) => type !== 'float').map((field) => field.name);
        const columns = (of: Record<string, unknown>) => Object.fromEntries(shown.map((one) => [one, of[one] ?? null]));
        deepStrictEqual(columns(entry.columns), columns(given));

        const where = Object.fromEntries(comparable.map((field) => [field.name, given[field.name] ?? null]));
        if ((await store.find(where)).length === 1) return;
        for (const [column, value] of Object.entries(where)) {
          deepStrictEqual(
            { column, value, found: await store.count({ [column]: value }) },
            { column, value, found: 1 },
          );
        }
        expect.unreachable('each column finds the session, and all together do not');
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  it('gives back any other value too, or refuses it by name and changes nothing', async () => {
    const kept = { other: { kept: true } };
    const attempt = fc
      .constantFrom(...fields)
      .chain((field) => fc.record({ field: fc.constant(field), value: anyValue(field.type), updating: fc.boolean() }));
    let refused = 0;
    await store.set(SID, kept);
    await fc.assert(
      fc.asyncProperty(attempt, async ({ field, value, updating }) => {
        const { name: column, type } = field;
        const session = { ...kept, [column]: value, changed: true };
        const before = await row();
        const error = await (updating
          ? store.update(SID, session, { maxAge: 5000 })
          : store.set(SID, session, 5000)
        ).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error === undefined) {
          deepStrictEqual((await store.get(SID))?.[column], asRead(type, value));
          await store.set(SID, kept);
          return;
        }
        refused += 1;
        if (!isKssError(error)) throw error;
        if (error.code === 'UNSERIALIZABLE')
          expect(type).toBe('float'); // whose value is in the JSON
        else expect(error).toMatchObject({ code: 'COLUMN_VALUE', message: expect.stringMatching(said(column)) });
        deepStrictEqual(await row(), before);
      }),
      { numRuns: 250 },
    );
    expect(refused).toBeGreaterThan(60);
    await store.destroy(SID);
    expect(await store.count('all')).toBe(0);
  }, 120_000);
});

/** The message names the column, says why, and that nothing happened. */
const said = (column: string) =>
  new RegExp(`^The value for the column '${column}' \\(.+\\) .+\\. Nothing was changed\\. `, 's');

/** A column keeps an ISO string as the instant that it means, what JSON makes of a value, and no negative zero. */
function asRead(type: ColumnType, value: unknown): unknown {
  if (type === 'json' || type === 'jsonb') return JSON.parse(JSON.stringify(value));
  if (type === 'datetime' || type === 'timestamp') return new Date(value as string | Date);
  return Object.is(value, -0) ? 0 : value;
}
