import { createRequire } from 'node:module';
import { join } from 'node:path';
import { databases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { addColumnsMigration, createSessionTable, KnexSessionStore } from '../src/index.js';
import type { SchemaField } from '../src/types.js';
import { folder } from './child.js';
import { failure } from './failure.js';

const TABLE = 'kss_test_add_columns_between';
const USER: SchemaField = { name: 'user_id', type: 'string' };
const KIND: SchemaField = { name: 'kind', type: 'string', extra: (column) => column.notNullable().defaultTo('guest') };

interface Database {
  prepare(sql: string): { run(...bindings: unknown[]): unknown };
  close(): void;
}

const sqlite = databases.find(({ name }) => name === 'sqlite');

// A codec is called between a row's reading and its writing, and this database can be written by at once from there.
describe.skipIf(sqlite === undefined || sqlite.absent !== undefined)(
  'a save between the reading and the writing of a row',
  () => {
    let knex: Knex;
    let other: Database;
    let remove: () => Promise<void>;
    let between: () => void = () => {};

    beforeAll(async () => {
      const place = await folder();
      remove = place.remove;
      const filename = join(place.path, 'sessions.sqlite');
      knex = sqlite?.open({ filename }) as Knex;
      other = new (createRequire(import.meta.url)('better-sqlite3') as new (path: string) => Database)(filename);
    });
    afterAll(async () => {
      await knex.destroy();
      other.close();
      await remove();
    });
    beforeEach(async () => {
      between = () => {};
      await knex.schema.dropTableIfExists(TABLE);
    });

    const codec = {
      encode: (json: string) => json,
      decode(stored: string) {
        between();
        return stored;
      },
    };
    const options = (schemas: readonly SchemaField[]) => ({ tableName: TABLE, schemas, codec });
    const open = (schemas: readonly SchemaField[]) =>
      new KnexSessionStore<readonly SchemaField[]>(knex, { ...options(schemas), sync: false, gcInterval: 0 });
    /** Saves, as another process does, so many times. */
    const savedMeanwhile = (json: string, times: number) => {
      let left = times;
      between = () => {
        if (left === 0) return;
        left -= 1;
        other.prepare(`update ${TABLE} set additional = ?, revision = revision + 1`).run(json);
      };
    };
    const down = () => addColumnsMigration(options([USER]), ['user_id']).down(knex);

    it('is kept when columns are put back', async () => {
      await createSessionTable(knex, options([USER]));
      await open([USER]).set('a', { user_id: 'ada', n: 1 });
      savedMeanwhile('{"n":2}', 4);
      await down();
      expect(await open([]).get('a')).toStrictEqual({ user_id: 'ada', n: 2 });
    });

    it('that comes again and again is a conflict, and the column stays', async () => {
      await createSessionTable(knex, options([USER]));
      await open([USER]).set('a', { user_id: 'ada', n: 1 });
      savedMeanwhile('{"n":2}', 20);
      await expect(down()).rejects.toEqual(failure('CONFLICT'));
      expect(await open([USER]).get('a')).toStrictEqual({ user_id: 'ada', n: 2 });
    });

    it('is kept when a column with a default is added', async () => {
      await createSessionTable(knex, options([]));
      await open([]).set('a', { kind: 'member', n: 1 });
      savedMeanwhile('{"kind":"admin","n":2}', 1);
      await addColumnsMigration(options([KIND]), ['kind']).up(knex);
      expect(await open([KIND]).get('a')).toStrictEqual({ kind: 'admin', n: 2 });
    });

    it('does not bring back a session that was ended', async () => {
      await createSessionTable(knex, options([USER]));
      await open([USER]).set('a', { user_id: 'ada', n: 1 });
      between = () => void other.prepare(`delete from ${TABLE}`).run();
      await down();
      between = () => {};
      expect(await open([]).get('a')).toBeNull();
    });
  },
);
