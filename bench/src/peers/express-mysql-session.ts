import mySqlSession from 'express-mysql-session';
import session from 'express-session';
import { createPool } from 'mysql2/promise';
import { POOL_SIZE } from '../databases.js';
import type { Peer } from '../peer.js';
import { LIFETIME } from '../sessions.js';

const MySqlStore = mySqlSession(session);

export const expressMysqlSession: Peer = {
  name: 'express-mysql-session',
  package: 'express-mysql-session',
  kind: 'sql',
  serves: ({ name }) => name === 'mysql' || name === 'mariadb',
  async open(database, table) {
    // Of the same version of the driver as the others': its own dependency is older.
    const pool = createPool({ uri: database.url, connectionLimit: POOL_SIZE });
    await pool.query('drop table if exists ??', [table]);
    const options = { clearExpired: false, createDatabaseTable: true, expiration: LIFETIME };
    const store = new MySqlStore({ ...options, schema: { tableName: table } }, pool);
    await store.onReady();
    return {
      store,
      async close() {
        await store.close();
        await pool.query('drop table if exists ??', [table]);
        await pool.end();
      },
    };
  },
};
