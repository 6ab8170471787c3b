import createKnex from 'knex';
import { describe, expect, it } from 'vitest';
import { layoutOf } from '../src/layout.js';
import { resolveOptions } from '../src/options.js';
import { placeOf } from '../src/place.js';
import { createQuery } from '../src/table.js';

// knex compiles with no driver installed and no server there.
const CLIENTS = ['better-sqlite3', 'pg', 'cockroachdb', 'mysql2', 'mssql', 'oracledb'] as const;
const LAYOUTS: Readonly<Record<string, readonly (typeof CLIENTS)[number][]>> = {
  'knex-schema-session-store': CLIENTS,
  'connect-session-knex': CLIENTS,
  'koa-generic-session-knex': CLIENTS,
  'connect-session-kysely-utc': ['pg'],
  'sequelize-session-store': CLIENTS.slice(1), // on SQLite it is refused
  'connect-pg-simple': ['pg', 'cockroachdb'],
  'express-mysql-session': ['mysql2'],
};

const TYPES = [
  'string',
  'text',
  'enum',
  'uuid',
  'time',
  'integer',
  'double',
  'bigInteger',
  'decimal',
  'boolean',
  'date',
  'datetime',
  'json',
  'jsonb',
  'binary',
] as const;

it.each(CLIENTS)('what a save compares of a column that is a part of the session, for %s', (client) => {
  const { dialect } = placeOf(createKnex({ client, useNullAsDefault: true }), layoutOf(resolveOptions({})));
  expect(Object.fromEntries(TYPES.map((type) => [type, dialect.sameValue(type, 'c')]))).toMatchSnapshot();
});

const CASES = Object.entries(LAYOUTS).flatMap(([layout, clients]) => clients.map((client) => ({ layout, client })));

describe.each(CASES)('the table of $layout for $client', ({ layout, client }) => {
  it.each([
    ['whole', {}],
    ['with a column, split', { split: true, timestamps: true, schemas: [{ name: 'user_id', type: 'string' }] }],
  ])('%s', (_title, options) => {
    const knex = createKnex({ client, useNullAsDefault: true, ...(client === 'oracledb' && { version: '19.0' }) });
    const place = placeOf(knex, layoutOf(resolveOptions({ layout, ...options })));
    const { dialect, layout: resolved, table, quote } = place;
    expect({
      ...dialect.statements(resolved, table, quote),
      collect: dialect.deleteExpired(resolved, table, quote, 1, 2).sql,
      create: createQuery(place, new Map(), {})
        .toSQL()
        .map(({ sql }) => sql),
    }).toMatchSnapshot();
  });
});
