import { expect, it } from 'vitest';
import * as adapter from '../src/adapter.js';
import * as core from '../src/index.js';
import * as takeover from '../src/takeover/index.js';

it('has these doors, and no others', () => {
  expect(Object.keys(core).sort()).toEqual([
    'KnexSessionStore',
    'KssError',
    'addColumnsMigration',
    'backfill',
    'createSessionTable',
    'dropSessionTable',
    'encryption',
    'isKssError',
    'migration',
    'sessionTableSql',
    'sqliteClient',
    'verifySessionTable',
  ]);
  expect(Object.keys(adapter).sort()).toEqual(['LoadedSessions', 'settle', 'slot', 'withUsableCookie']);
  expect(Object.keys(takeover).sort()).toEqual([
    'connectPgSimple',
    'connectSessionKnex',
    'connectSessionKysely',
    'expressMysqlSession',
    'inspectSessionTable',
    'knexSchemaSessionStore',
    'koaGenericSessionKnex',
    'sequelizeSessionStore',
  ]);
});

it('has these verbs', () => {
  expect(Object.getOwnPropertyNames(core.KnexSessionStore.prototype).sort()).toEqual(
    'clear close constructor count destroy destroyWhere find gc get load repo report set touch update waitForSync'.split(
      ' ',
    ),
  );
});
