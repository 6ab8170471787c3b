import createKnex, { type Knex } from 'knex';
import { describe, expect, it } from 'vitest';
import { layoutOf } from '../src/layout.js';
import { resolveOptions } from '../src/options.js';
import { placeOf } from '../src/place.js';
import { createQuery } from '../src/table.js';

// knex compiles with no driver installed and no server there.
const CLIENTS = ['better-sqlite3', 'pg', 'cockroachdb', 'mysql2', 'mariadb', 'mssql', 'oracledb'] as const;

function statementsFor(client: string, options: object) {
  const place = placeOf(
    createKnex({ client, ...(client === 'oracledb' && { version: '19.0' }) }),
    layoutOf(resolveOptions(options)),
  );
  const { dialect, layout, table, quote } = place;
  const extras = new Map([['user_id', (column: Knex.ColumnBuilder) => column.comment('whose session')]]);
  return {
    ...dialect.statements(layout, table, quote),
    collect: dialect.deleteExpired(layout, table, quote, 1, 2).sql,
    create: createQuery(place, extras, {})
      .toSQL()
      .map(({ sql }) => sql),
  };
}

describe.each(CLIENTS)('the SQL for %s', (client) => {
  it.each([
    ['plain', {}],
    [
      'with everything',
      {
        tableName: 'my-sessions',
        schemaName: ['pg', 'cockroachdb', 'mssql'].includes(client) ? 'auth' : undefined,
        timestamps: true,
        schemas: [
          { name: 'user_id', type: 'string', args: [100], index: true },
          { name: 'seen', type: 'datetime' },
          { name: 'big', type: 'bigInteger' },
          { name: 'day', type: 'date' },
          { name: 'prefs', type: 'json' },
          { name: 'score', type: 'float' },
          { name: 'rate', type: 'decimal', args: [8, 2] },
          { name: 'alarm', type: 'time' },
          { name: 'kind', type: 'enum', args: [['guest', 'member']] },
          { name: 'seal', type: 'binary' },
          { name: 'weight', type: 'double' },
          { name: 'level', type: 'tinyint' },
          { name: 'trusted', type: 'boolean' },
          { name: 'account', type: 'string', from: 'passport.user' },
        ],
      },
    ],
  ])('%s', (_title, options) => {
    expect(statementsFor(client, options)).toMatchSnapshot();
  });
});
