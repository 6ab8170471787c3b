import createKnex, { type Knex } from 'knex';

/** One pool over several servers: each new connection goes to the next of them. */
export function openAny(client: 'pg' | 'mysql2', urls: readonly string[], pool: Knex.PoolConfig): Knex {
  let turn = 0;
  return createKnex({
    client,
    connection() {
      const { hostname, port, username, password, pathname } = new URL(urls[turn++ % urls.length] ?? '');
      const database = pathname.slice(1);
      return {
        ...{ host: hostname, port: Number(port), user: username, password: decodeURIComponent(password), database },
        expirationChecker: () => true, // asked anew for each connection
      };
    },
    pool,
  });
}
