import type { Knex } from 'knex';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseName, TestDatabase } from './database.js';
import { databases, driverVariants } from './databases.js';
import { listed } from './listed.js';

/**
 * Runs a suite once for each database, and once for each further driver that KSS_TEST_VARIANTS names by its label, in a
 * list or as `all`; the core's vitest.config.ts says `all`. One that is absent is skipped aloud, or fails where
 * KSS_TEST_REQUIRE names it.
 *
 * `use` gets a function that gives the suite's knex, open from before the first test until after the last. `variants` are
 * the further drivers that the suite can do with, where it cannot do with all.
 */
export function describeDatabases(
  title: string,
  use: (database: TestDatabase, knex: () => Knex) => void,
  only: readonly DatabaseName[] = databases.map(({ name }) => name),
  { variants }: { readonly variants?: readonly string[] } = {},
): void {
  const asked = listed('KSS_TEST_VARIANTS');
  const named = (label: string) => asked.includes('all') || asked.includes(label);
  const further =
    asked.length === 0
      ? []
      : driverVariants().filter(({ label }) => named(label) && (variants?.includes(label) ?? true));
  for (const database of [...databases, ...further].filter(({ name }) => only.includes(name))) {
    const { label, absent } = database;
    if (absent !== undefined) {
      if (listed('KSS_TEST_REQUIRE').includes(label)) {
        describe(`${title} on ${label}`, () => it('is required here', () => expect(absent).toBeUndefined()));
      } else {
        console.warn(`SKIPPED: ${title} on ${label}: ${absent}`);
        describe.skip(`${title} on ${label} (${absent})`, () => it('is skipped', () => {}));
      }
      continue;
    }
    describe(`${title} on ${label}`, () => {
      let knex: Knex | undefined;
      beforeAll(() => {
        knex = database.open();
      });
      afterAll(async () => {
        await knex?.destroy();
      });
      use(database, () => {
        if (knex === undefined) throw new Error('The database is open only while tests run.');
        return knex;
      });
    });
  }
}
