import { describeDatabases } from '@kss/test-kit';
import type { Knex } from 'knex';
import { afterEach, beforeAll, it } from 'vitest';
import { essentials } from './essentials.js';
import { MAPPERS, type Setting, type Settings, say, withSetting } from './settings.js';

const TABLE = 'kss_test_postgres_settings';

type Parse = (text: string) => unknown;
interface Types {
  getTypeParser(oid: number, format?: string): Parse;
}

/** Types of PostgreSQL (pg_type.oid) as an app wants them, and all others as the driver has them. */
function parsed(parsers: Readonly<Record<number, Parse>>): Setting {
  return {
    connection(client: Knex.Client) {
      const { types } = (client as unknown as { driver: { types: Types } }).driver;
      const getTypeParser: Types['getTypeParser'] = (oid, format) => parsers[oid] ?? types.getTypeParser(oid, format);
      return { types: { getTypeParser } };
    },
  };
}

const SERVER: Settings = {
  'dates of another order': say("set datestyle = 'SQL, DMY'", "set intervalstyle = 'iso_8601'"),
  'German dates in another zone': say("set datestyle = 'German'", "set time zone 'Asia/Kathmandu'"),
  'bytes that are escaped': say("set bytea_output = 'escape'"),
  'backslashes that escape': say('set standard_conforming_strings = off', 'set escape_string_warning = off'),
  'serializable transactions': say("set default_transaction_isolation = 'serializable'"),
  'repeatable reads': say("set default_transaction_isolation = 'repeatable read'"),
  'another meaning of NULL, and plans for all values': say(
    'set transform_null_equals = on',
    "set plan_cache_mode = 'force_generic_plan'",
  ),
};

const DRIVER: Settings = {
  'BigInt for whole numbers': parsed({ 20: BigInt, 21: BigInt, 23: BigInt }),
  'numbers for all that count': parsed({ 20: Number, 1700: Number, 701: Number }),
  'objects for dates and times': parsed({ 1082: Object, 1083: Object, 1114: Object, 1184: Object }),
  'Date for days': parsed({ 1082: (text) => new Date(text) }),
  'text for JSON': parsed({ 114: String, 3802: String }),
  'text for dates and times': parsed({ 1082: String, 1083: String, 1114: String, 1184: String }),
};

describeDatabases(
  'the store keeps its contract',
  ({ name }, knex) => {
    const clean = async () => {
      await knex().schema.dropTableIfExists(TABLE);
    };
    beforeAll(clean);
    afterEach(clean);

    it.each(Object.entries({ ...SERVER, ...DRIVER, 'names that are mapped': MAPPERS }))(
      'with %s',
      async (_title, setting) => {
        const own = withSetting(knex(), setting);
        await essentials(own, name, TABLE).finally(() => own.destroy());
      },
    );
  },
  ['postgres'],
  { variants: [] }, // options of pg
);
