import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Knex } from 'knex';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { folder } from './child.js';
import { describeClients } from './sqlite-drivers.js';

describeClients('failures and files', (driver, open) => {
  let place: Awaited<ReturnType<typeof folder>>;
  let knex: Knex;

  beforeAll(async () => {
    place = await folder();
  });
  afterAll(() => place.remove());
  beforeEach(async () => {
    knex = open(':memory:');
    await knex.raw(
      'create table t (id integer primary key, name text not null unique, n int check (n > 0), bytes blob)',
    );
  });

  it.each([
    ['select nothing', 'SQLITE_ERROR'],
    ["insert into t (name) values ('taken')", 'SQLITE_CONSTRAINT_UNIQUE'],
    ["insert into t (id, name) values (1, 'x')", 'SQLITE_CONSTRAINT_PRIMARYKEY'],
    ['insert into t (name) values (null)', 'SQLITE_CONSTRAINT_NOTNULL'],
    ["insert into t (name, n) values ('x', 0)", 'SQLITE_CONSTRAINT_CHECK'],
    ["insert into t (id, name) values ('x', 'x')", 'SQLITE_MISMATCH'],
    ['insert into child values (99)', 'SQLITE_CONSTRAINT_FOREIGNKEY'],
    ["insert into strict values ('x')", 'SQLITE_CONSTRAINT_DATATYPE'],
    ['delete from t', 'SQLITE_CONSTRAINT_TRIGGER'],
    ['insert into t (name) values (zeroblob(2000000000))', 'SQLITE_TOOBIG'],
    ["attach 'no/such/folder/file' as other", 'SQLITE_CANTOPEN'],
  ])('fails by name: %s', async (sql, code) => {
    await knex('t').insert({ name: 'taken' });
    await knex.raw('create table child (id int references t (id))');
    await knex.raw('create table strict (n int) strict');
    await knex.raw("create trigger no before delete on t begin select raise(abort, 'never'); end");
    await expect(knex.raw(sql)).rejects.toMatchObject({ code, message: expect.stringContaining(sql) });
    expect(await knex('t').pluck('name')).toEqual(['taken']);
  });

  it('fails by name where the file cannot be opened, is none, or is only for reading', async () => {
    const missing = open(join(place.path, 'no', 'file'));
    await expect(missing.raw('select 1')).rejects.toMatchObject(
      driver === 'node:sqlite' ? { code: 'SQLITE_CANTOPEN' } : { name: 'TypeError' },
    );
    const filename = join(place.path, 'read');
    const written = open(filename);
    await written.raw('create table t (id int)');
    const read = open(filename, { connection: { options: { readonly: true } } });
    expect(await read('t')).toEqual([]);
    await expect(read('t').insert({ id: 1 })).rejects.toMatchObject({ code: 'SQLITE_READONLY' });

    const other = join(place.path, 'other');
    await writeFile(other, 'This is a text and no database, however long it goes on. '.repeat(20));
    await expect(open(other)('t')).rejects.toMatchObject({ code: 'SQLITE_NOTADB' });
  });

  it('fails by name in what the pool does with a new connection', async () => {
    const broken = open(':memory:', {
      pool: {
        afterCreate(connection: { exec(sql: string): void }, done: (error: null, connection: unknown) => void) {
          connection.exec('select nothing');
          done(null, connection);
        },
      },
    });
    await expect(broken.raw('select 1')).rejects.toMatchObject({ code: 'SQLITE_ERROR' });
  });

  it('waits for the lock of another connection, as long as it is told to', async () => {
    const filename = join(place.path, 'busy');
    const [one, two] = [open(filename), open(filename)];
    expect(await one.raw('pragma busy_timeout')).toEqual([{ timeout: 5000 }]);
    await one.raw('pragma journal_mode = wal');
    await one.raw('create table t (id int)');
    await two.raw('pragma busy_timeout = 0');
    await one.transaction(async (trx) => {
      await trx('t').insert({ id: 1 });
      await expect(two('t').insert({ id: 2 })).rejects.toMatchObject({ code: 'SQLITE_BUSY' });
    });
    await two.transaction(async (trx) => {
      expect(await trx('t').pluck('id')).toEqual([1]);
      await one('t').insert({ id: 3 });
      await expect(trx('t').insert({ id: 2 })).rejects.toMatchObject({ code: 'SQLITE_BUSY_SNAPSHOT' });
    });
  });

  it('lets go of its file', async () => {
    const filename = join(place.path, 'closed');
    const one = open(filename);
    await one.raw('pragma journal_mode = wal');
    await one.raw('create table t (id int)');
    expect(existsSync(`${filename}-wal`)).toBe(true);
    await one.destroy();
    expect(existsSync(`${filename}-wal`)).toBe(false);
    expect(existsSync(filename)).toBe(true);
  });
});
