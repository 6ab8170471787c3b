import { join } from 'node:path';
import type { RowDataPacket } from 'mysql2';
import { createPool } from 'mysql2/promise';
import pg from 'pg';
import { type DatabaseName, IDLE, type Database as Place, POOL_SIZE } from './databases.js';
import type { Calls } from './peer.js';
import { type AppSession, LIFETIME } from './sessions.js';

/** The least that a store can do: one prepared statement a call, straight on the driver, and JSON. */
export interface Floor {
  readonly calls: Omit<Calls, 'hydrate'>;
  close(): Promise<void>;
}

type Execute = (
  statement: keyof Statements,
  values: readonly (string | number)[],
) => Promise<{ sess: string } | undefined>;

interface Statements {
  readonly get: string;
  readonly set: string;
  readonly touch: string;
}

const COLUMNS = 'sid varchar(255) primary key, expire_at bigint not null, sess';

/** Opens a floor over an empty table. */
export function openFloor(database: Place, table: string): Promise<Floor> {
  const open: Record<DatabaseName, typeof openPg> = {
    postgres: openPg,
    mariadb: openMysql,
    mysql: openMysql,
    sqlite: openSqlite,
  };
  return open[database.name](database, table);
}

async function openPg({ url }: Place, table: string): Promise<Floor> {
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE, idleTimeoutMillis: IDLE });
  await pool.query(`drop table if exists ${table}`);
  await pool.query(`create table ${table} (${COLUMNS} text not null)`);
  const texts: Statements = {
    get: `select sess from ${table} where sid = $1 and expire_at > $2`,
    set: `insert into ${table} values ($1, $2, $3) on conflict (sid) do update set expire_at = $2, sess = $3`,
    touch: `update ${table} set expire_at = $1 where sid = $2`,
  };
  const execute: Execute = async (statement, values) => {
    const { rows } = await pool.query({ name: statement, text: texts[statement], values: [...values] });
    return rows[0];
  };
  return {
    calls: callsOf(execute),
    async close() {
      await pool.query(`drop table ${table}`);
      await pool.end();
    },
  };
}

async function openMysql({ url }: Place, table: string): Promise<Floor> {
  const pool = createPool({ uri: url, connectionLimit: POOL_SIZE });
  await pool.query(`drop table if exists ${table}`);
  await pool.query(`create table ${table} (${COLUMNS} longtext not null)`);
  const texts: Statements = {
    get: `select sess from ${table} where sid = ? and expire_at > ?`,
    set: `insert into ${table} values (?, ?, ?)
      on duplicate key update expire_at = values(expire_at), sess = values(sess)`,
    touch: `update ${table} set expire_at = ? where sid = ?`,
  };
  const execute: Execute = async (statement, values) => {
    const [rows] = await pool.execute<RowDataPacket[]>(texts[statement], [...values]);
    return statement === 'get' ? (rows[0] as { sess: string } | undefined) : undefined;
  };
  return {
    calls: callsOf(execute),
    async close() {
      await pool.query(`drop table ${table}`);
      await pool.end();
    },
  };
}

async function openSqlite({ url }: Place, table: string): Promise<Floor> {
  // Where it could not be compiled, everything else still runs.
  const { default: Database } = await import('better-sqlite3');
  const database = new Database(join(url, `${table}.sqlite`));
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = NORMAL');
  database.exec(`drop table if exists ${table}; create table ${table} (${COLUMNS} text not null)`);
  const get = database.prepare(`select sess from ${table} where sid = ? and expire_at > ?`);
  const set = database.prepare(`insert or replace into ${table} values (?, ?, ?)`);
  const touch = database.prepare(`update ${table} set expire_at = ? where sid = ?`);
  const execute: Execute = async (statement, values) => {
    if (statement === 'get') return get.get(...values) as { sess: string } | undefined;
    if (statement === 'set') set.run(...values);
    else touch.run(...values);
    return undefined;
  };
  return { calls: callsOf(execute), close: async () => void database.close() };
}

function callsOf(execute: Execute): Floor['calls'] {
  return {
    async get(sid) {
      const row = await execute('get', [sid, Date.now()]);
      return row === undefined ? null : (JSON.parse(row.sess) as AppSession);
    },
    async set(sid, session) {
      await execute('set', [sid, Date.now() + LIFETIME, JSON.stringify(session)]);
    },
    async touch(sid) {
      await execute('touch', [Date.now() + LIFETIME, sid]);
    },
  };
}
