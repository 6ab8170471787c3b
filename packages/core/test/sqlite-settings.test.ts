import { describeDatabases } from '@kss/test-kit';
import { it } from 'vitest';
import { essentials } from './essentials.js';
import { MAPPERS, type Settings, say, withSetting } from './settings.js';

const TABLE = 'kss_test_sqlite_settings';

const SETTINGS: Settings = {
  'LIKE that minds case': say('pragma case_sensitive_like = on'),
  'foreign keys and triggers that fire again': say('pragma foreign_keys = on', 'pragma recursive_triggers = on'),
  'rows from the end': say('pragma reverse_unordered_selects = on'),
  'text of 16 bits': say("pragma encoding = 'UTF-16'"),
  'the ALTER TABLE of old': say('pragma legacy_alter_table = on'),
  'undefined as a mistake': { knex: { useNullAsDefault: false } },
};

describeDatabases(
  'the store keeps its contract',
  ({ name }, knex) => {
    it.each(Object.entries({ ...SETTINGS, 'names that are mapped': MAPPERS }))('with %s', async (_title, setting) => {
      const own = withSetting(knex(), setting);
      await essentials(own, name, TABLE).finally(() => own.destroy());
    });
  },
  ['sqlite'],
);
