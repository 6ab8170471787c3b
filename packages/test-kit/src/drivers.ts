import { createRequire } from 'node:module';
import type { Knex } from 'knex';

/** A driver that is compiled where it is installed, and so is no dependency of the workspace (scripts/drivers). */
export interface CompiledDriver {
  /** Why it cannot be used here, or undefined where it can. */
  readonly absent: string | undefined;
  /** The client of knex that loads it from where it is. */
  client(): typeof Knex.Client;
}

/** How knex calls the client, and how the client loads the driver. */
const CLIENTS = {
  sqlite3: { path: 'knex/lib/dialects/sqlite3/index.js', load: (drivers: NodeJS.Require) => drivers('sqlite3') },
  'pg-native': {
    path: 'knex/lib/dialects/pgnative/index.js',
    load(drivers: NodeJS.Require) {
      drivers('pg-native'); // says why it does not load, where pg only says that it is not there
      return drivers('pg').native as unknown;
    },
  },
} as const;

/** A driver in the folder that scripts/drivers fills. */
export function compiledDriver(name: keyof typeof CLIENTS): CompiledDriver {
  const drivers = createRequire(new URL('../../../.drivers/package.json', import.meta.url));
  const { path, load } = CLIENTS[name];
  return {
    absent: problem(() => load(drivers)),
    client() {
      const Client = createRequire(import.meta.url)(path) as typeof Knex.Client;
      return class extends Client {
        _driver(): unknown {
          return load(drivers);
        }
      };
    },
  };
}

function problem(load: () => unknown): string | undefined {
  try {
    load();
    return undefined;
  } catch (error) {
    return `it does not load (scripts/drivers installs it): ${(error as Error).message.split('\n')[0]}`;
  }
}
