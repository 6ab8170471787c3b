import { ConnectSessionKnexStore } from 'connect-session-knex';
import type { Peer } from '../peer.js';

export const connectSessionKnex: Peer = {
  name: 'connect-session-knex',
  package: 'connect-session-knex',
  kind: 'sql',
  serves: () => true,
  async open(database, table) {
    const knex = database.knex(table);
    await knex.schema.dropTableIfExists(table);
    const store = new ConnectSessionKnexStore({ knex, tableName: table, createTable: true, cleanupInterval: 0 });
    await store.ready;
    return {
      store,
      async close() {
        await knex.schema.dropTableIfExists(table);
        await knex.destroy();
      },
    };
  },
};
