import { type DatabaseName, describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import type { SchemaField } from '../src/types.js';

const TABLE = 'kss_test_zones';

/** MySQL and MariaDB may know no names of zones. */
const OFFSETS = ['-05:00', '+00:00', '+13:00'].map((zone) => `set time_zone = '${zone}'`);

/** Zones of a connection, other than that of the suite's. */
const ZONES: Readonly<Partial<Record<DatabaseName, readonly string[]>>> = {
  postgres: ['America/New_York', 'UTC', 'Pacific/Apia'].map((zone) => `set time zone '${zone}'`),
  mariadb: OFFSETS,
  mysql: OFFSETS,
};

const INSTANTS = [
  '0001-01-01T00:00:00.000Z',
  '1970-01-01T00:00:00.001Z',
  '2011-12-30T12:00:00.000Z', // a day that Apia does not have
  '2024-03-10T06:59:59.999Z',
  '2024-03-10T07:00:00.000Z',
  '2024-11-03T05:30:00.000Z',
  '2024-11-03T06:30:00.000Z',
  '9999-12-31T23:59:59.999Z',
].map((iso) => new Date(iso));

describeDatabases(
  'instants, days and times',
  (database, knex) => {
    const others: { knex: Knex; close(): Promise<void> }[] = [];
    const clean = async () => {
      for (const other of others.splice(0)) {
        await other.close();
        await other.knex.destroy();
      }
      await knex().schema.dropTableIfExists(TABLE);
    };
    beforeAll(clean);
    afterEach(clean);

    const inZone = (statement: string) => {
      const afterCreate = (
        connection: { query(sql: string, done: (error: unknown) => void): void },
        done: (error: unknown, connection: unknown) => void,
      ) => connection.query(statement, (error) => done(error, connection));
      return database.open({ pool: { min: 0, max: 2, afterCreate } });
    };

    const kinds: readonly Omit<SchemaField, 'name'>[] = [
      { type: 'timestamp' },
      { type: 'datetime' },
      { type: 'timestamp', args: [{ useTz: false, precision: 3 }] },
      { type: 'timestamp', args: [{ useTz: true, precision: 3 }] },
      { type: 'datetime', args: [{ precision: 3 }] },
    ];

    it.each(kinds.map((kind) => [JSON.stringify(kind), kind] as const))(
      'are the same whatever the zone of a connection is: %s',
      async (_, kind) => {
        const schemas = [
          { name: 'at', ...kind },
          { name: 'day', type: 'date' },
          { name: 'hour', type: 'time' },
        ] as const;
        const open = (used: Knex) => new KnexSessionStore(used, { tableName: TABLE, schemas, gcInterval: 0 });
        const here = open(knex());
        const written: Date[] = [];
        for (const [i, at] of INSTANTS.entries()) {
          const session = { at, day: '2024-03-10', hour: '02:30:00' };
          // TIMESTAMP of MariaDB ends in 2038 and begins in 1970, which is refused, and so no loss.
          if (
            await here.set(`sid-${i}`, session).then(
              () => true,
              () => false,
            )
          )
            written.push(at);
        }
        expect(written.length).toBeGreaterThan(4);
        for (const zone of ZONES[database.name] ?? []) {
          const other = inZone(zone);
          const there = open(other);
          others.push({ knex: other, close: () => there.close() });
          for (const at of written) {
            const sid = `sid-${INSTANTS.indexOf(at)}`;
            expect([zone, await there.get(sid)]).toStrictEqual([zone, { at, day: '2024-03-10', hour: '02:30:00' }]);
            expect([zone, await there.count({ at })]).toStrictEqual([zone, 1]);
          }
        }
        await here.close();
      },
    );
  },
  ['postgres', 'mariadb', 'mysql'],
);
