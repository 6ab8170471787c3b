import connectPgSimple from 'connect-pg-simple';
import session from 'express-session';
import pg from 'pg';
import { IDLE, POOL_SIZE } from '../databases.js';
import { callsOf, type Peer } from '../peer.js';

const PgStore = connectPgSimple(session);

export const connectPgSimpleStore: Peer = {
  name: 'connect-pg-simple',
  package: 'connect-pg-simple',
  kind: 'sql',
  serves: ({ name }) => name === 'postgres',
  async open(database, table) {
    const pool = new pg.Pool({ connectionString: database.url, max: POOL_SIZE, idleTimeoutMillis: IDLE });
    await pool.query(`drop table if exists "${table}"`);
    const store = new PgStore({
      pool,
      tableName: table,
      createTableIfMissing: true,
      pruneSessionInterval: false,
      errorLog: () => {}, // what fails also reaches the callback, and is counted there
    });
    await callsOf(store).get('none'); // makes the table
    return {
      store,
      async close() {
        await store.close();
        await pool.query(`drop table if exists "${table}"`);
        await pool.end();
      },
    };
  },
};
