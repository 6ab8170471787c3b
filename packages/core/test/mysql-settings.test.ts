import { describeDatabases } from '@kss/test-kit';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { KnexSessionStore } from '../src/index.js';
import { essentials } from './essentials.js';
import { connect, MAPPERS, type Setting, type Settings, say, withSetting } from './settings.js';

const TABLE = 'kss_test_mysql_settings';

const mode = (...names: string[]): Setting => say(`set session sql_mode = '${names.join(',')}'`);

interface Field {
  readonly type: string;
  string(): string | null;
}

const SERVER: Settings = {
  'no mode at all': mode(),
  'the traditional mode': mode('TRADITIONAL'),
  'modes that change how SQL is read': mode(
    ...['STRICT_ALL_TABLES', 'ANSI_QUOTES', 'PIPES_AS_CONCAT', 'IGNORE_SPACE', 'HIGH_NOT_PRECEDENCE'],
  ),
  'modes that change values': mode('STRICT_TRANS_TABLES', 'PAD_CHAR_TO_FULL_LENGTH', 'NO_AUTO_VALUE_ON_ZERO'),
  'the ANSI mode': mode('ANSI', 'STRICT_ALL_TABLES'),
  'serializable transactions': say('set session transaction isolation level serializable'),
  'reads that are not repeatable': say('set session transaction isolation level read committed'),
  'another zone, collation and meaning of NULL': say(
    "set time_zone = '-11:30'",
    "set names utf8mb4 collate 'utf8mb4_unicode_ci'",
    'set sql_auto_is_null = 1',
  ),
};

const MARIADB: Settings = { 'assignments at once': mode('SIMULTANEOUS_ASSIGNMENT') };
const MYSQL: Settings = { 'fractions that are cut': mode('TIME_TRUNCATE_FRACTIONAL') };

const DRIVER: Settings = {
  'big numbers': connect({ supportBigNumbers: true }),
  'numbers as text': connect({ supportBigNumbers: true, bigNumberStrings: true }),
  'decimals as numbers, and JSON as text': connect({ decimalNumbers: true, jsonStrings: true }),
  'dates as text': connect({ dateStrings: true }),
  'days as text, in another zone': connect({ dateStrings: ['DATE'], timezone: '+05:45' }),
  'the zone UTC': connect({ timezone: 'Z' }),
  'changed rows in place of affected ones': connect({ flags: ['-FOUND_ROWS'] }),
  'several statements at once, named placeholders and compression': connect({
    multipleStatements: true,
    namedPlaceholders: true,
    compress: true,
  }),
  'casts of its own': connect({
    typeCast(field: Field, next: () => unknown) {
      const text = /^(LONGLONG|DATE|DATETIME|TIMESTAMP|NEWDATE|TIME)$/.test(field.type) ? field.string() : undefined;
      if (text === undefined) return next();
      if (text === null) return null;
      return field.type === 'LONGLONG' ? BigInt(text) : { moment: text };
    },
  }),
};

describeDatabases(
  'the store keeps its contract',
  ({ name }, knex) => {
    const clean = async () => {
      await knex().schema.dropTableIfExists(TABLE);
    };
    beforeAll(clean);
    afterEach(clean);

    it.each(
      Object.entries({
        ...SERVER,
        ...(name === 'mysql' ? MYSQL : MARIADB),
        ...DRIVER,
        'names that are mapped': MAPPERS,
      }),
    )('with %s', async (_title, setting) => {
      const own = withSetting(knex(), setting);
      await essentials(own, name, TABLE).finally(() => own.destroy());
    });
  },
  ['mariadb', 'mysql'],
  { variants: [] }, // options of mysql2
);

describeDatabases(
  'a mode under which a quote in a value would end it',
  (_, knex) => {
    const REFUSED = { code: 'UNSUPPORTED_DATABASE', message: expect.stringContaining('NO_BACKSLASH_ESCAPES') };
    const table = `${TABLE}_refused`;
    const schemas = [{ name: 'user_id', type: 'string', args: [50] }] as const;
    const options = { tableName: table, schemas, gcInterval: 0, onError() {} };
    const setting = mode('STRICT_TRANS_TABLES', 'NO_BACKSLASH_ESCAPES');
    // Escaped with a backslash that is none, it ends the text and meets every row.
    const hostile = "nobody' or 1=1 -- ";
    const ids = async () => (await knex()(table).orderBy('sid').select('sid')).map(({ sid }) => sid);

    afterEach(async () => {
      await knex().schema.dropTableIfExists(table);
    });

    it.each([true, false])('is refused before the first statement, with sync: %s', async (sync) => {
      const store = new KnexSessionStore(knex(), options);
      await Promise.all(['a', 'b'].map((sid) => store.set(sid, { user_id: 'ada' })));
      const own = withSetting(knex(), setting);
      const refused = new KnexSessionStore(own, { ...options, sync });
      for (const call of [
        () => refused.destroyWhere({ user_id: hostile }),
        () => refused.get(hostile),
        () => refused.set(hostile, { text: hostile }),
        () => refused.waitForSync(),
        () => refused.find({ user_id: hostile }),
      ]) {
        await expect(call()).rejects.toMatchObject(REFUSED);
      }
      const trx = await own.transaction();
      await expect(refused.destroyWhere({ user_id: hostile }, { trx })).rejects.toMatchObject(REFUSED);
      await trx.commit();
      expect(await ids()).toEqual(['a', 'b']);
      await refused.close();
      await own.destroy();
      await store.close();
    });

    it('is asked for again, and the store works when it was taken off', async () => {
      const store = new KnexSessionStore(knex(), options);
      await store.waitForSync();
      const own = withSetting(knex(), setting);
      const mended = new KnexSessionStore(own, { ...options, sync: false });
      await expect(mended.get('a')).rejects.toMatchObject(REFUSED);
      await own.raw("set session sql_mode = 'STRICT_TRANS_TABLES'"); // of its one connection
      await mended.set('a', { text: hostile });
      expect(await store.get('a')).toEqual({ text: hostile });
      await mended.close();
      await own.destroy();
      await store.close();
    });
  },
  ['mariadb', 'mysql'],
  { variants: [] }, // another driver escapes as the server says
);
