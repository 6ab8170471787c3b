import createKnex, { type Knex } from 'knex';

/** A pool on the first of several servers that serves. Where another is the first later, connections move there. */
export function followFirst(
  client: 'pg' | 'mysql2',
  urls: readonly string[],
  serves: (server: Knex) => Promise<boolean>,
  pool: Knex.PoolConfig = {},
): { readonly knex: Knex; stop(): void } {
  const quiet = { warn() {}, error() {} }; // a dead one is asked every second
  const servers = urls.map((url) =>
    createKnex({ client, connection: url, pool: { min: 0, max: 1 }, acquireConnectionTimeout: 1000, log: quiet }),
  );
  let current = 0;
  const look = async () => {
    for (const [i, server] of servers.entries()) {
      if (await serves(server).catch(() => false)) {
        current = i;
        return;
      }
    }
  };
  const timer = setInterval(() => void look(), 1000).unref();
  const knex = createKnex({
    client,
    connection() {
      const chosen = current;
      const { hostname, port, username, password, pathname } = new URL(urls[chosen] ?? '');
      return {
        ...{
          host: hostname,
          port: Number(port),
          user: decodeURIComponent(username),
          password: decodeURIComponent(password),
        },
        database: pathname.slice(1),
        expirationChecker: () => chosen !== current, // asked whenever a connection is taken from the pool
      };
    },
    pool,
  });
  return {
    knex,
    stop() {
      clearInterval(timer);
      for (const server of servers) void server.destroy();
    },
  };
}
