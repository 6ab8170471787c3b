/** The packages that come without types, as far as the tests use them. */
declare module 'connect-pg-simple' {
  import type { Store } from 'express-session';

  interface PgStore extends Store {
    close(): Promise<void>;
  }
  export default function connectPgSimple(session: unknown): new (options?: object) => PgStore;
}
declare module 'connect-pg-simple-9' {
  export { default } from 'connect-pg-simple';
}
declare module 'express-mysql-session' {
  import type { Store } from 'express-session';

  interface MySqlStore extends Store {
    onReady(): Promise<void>;
    close(): Promise<void>;
  }
  export default function expressMysqlSession(
    session: unknown,
  ): new (
    options?: object,
    connection?: unknown,
  ) => MySqlStore;
}
declare module 'express-mysql-session-2' {
  import type { Store } from 'express-session';

  interface MySqlStore extends Store {
    close(): void;
  }
  export default function expressMysqlSession(
    session: unknown,
  ): new (
    options: object,
    connection: unknown,
    ready: (error?: unknown) => void,
  ) => MySqlStore;
}
declare module 'connect-session-knex-4' {
  import type { Store } from 'express-session';

  interface KnexStore extends Store {
    ready: Promise<unknown>;
  }
  export default function connectSessionKnex(session: unknown): new (options?: object) => KnexStore;
}
declare module 'knex-schema-session-store' {
  export class KnexSchemaSessionStore {
    constructor(knex: unknown, options?: object);
    wait_for_sync(): Promise<void>;
    get(sid: string): Promise<Record<string, unknown> | null>;
    set(sid: string, session: object, max_age?: number): Promise<unknown>;
    touch(sid: string, max_age?: number): Promise<unknown>;
    destroy(sid: string): Promise<unknown>;
  }
}
