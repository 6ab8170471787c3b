import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { folderOf, run, type User, unprivileged } from './processes.js';

/** How a database's own server is made and started, from what is installed. */
export interface ServerKind {
  readonly name: 'postgres' | 'mariadb';
  /** knex's name of the driver. */
  readonly client: 'pg' | 'mysql2';
  readonly login: { readonly user: string; readonly password: string; readonly database: string };
  /** The driver's setting for how long it may take to connect. */
  connectTimeout(ms: number): object;
  /** Why it cannot be started here, or undefined where it can. */
  readonly absent: string | undefined;
  user(): User;
  /** Makes an empty folder of data. */
  initialize(data: string): void;
  /** The program and its arguments, with the settings under which what is acknowledged is on the disk. */
  command(data: string, port: number): readonly [program: string, ...args: string[]];
  /** The version of a server that answers; rejects where none does. */
  ask(port: number): Promise<string>;
  /** The signal that ends it in order, and cuts its connections. */
  readonly shutdown: NodeJS.Signals;
}

const PATHS = (process.env.PATH ?? '').split(':');

const postgresPrograms = folderOf(['postgres', 'initdb'], [...debianVersions('/usr/lib/postgresql'), ...PATHS]) ?? '';
const postgresLogin = { user: 'kss', password: '', database: 'postgres' };

const postgres: ServerKind = {
  name: 'postgres',
  client: 'pg',
  login: postgresLogin,
  connectTimeout: (connectionTimeoutMillis) => ({ connectionTimeoutMillis }),
  absent: absence('PostgreSQL', postgresPrograms, 'postgres'),
  user: () => unprivileged('postgres'),
  initialize(data) {
    const options = ['--auth=trust', `--username=${postgresLogin.user}`, '--encoding=UTF8', '--no-sync'];
    run(join(postgresPrograms, 'initdb'), ['-D', data, ...options], postgres.user());
  },
  command: (data, port) => [
    join(postgresPrograms, 'postgres'),
    ...['-D', data, '-p', String(port), '-k', ''],
    ...settings('-c', {
      listen_addresses: '127.0.0.1',
      fsync: 'on',
      synchronous_commit: 'on',
      full_page_writes: 'on',
      recovery_init_sync_method: 'syncfs', // before its recovery, in one call
      deadlock_timeout: '100ms', // how soon it looks for one
      max_connections: '60',
      shared_buffers: '32MB',
    }),
  ],
  async ask(port) {
    const client = new pg.Client({ host: '127.0.0.1', port, ...postgresLogin, connectionTimeoutMillis: 1000 });
    client.on('error', () => {});
    try {
      await client.connect();
      const { rows } = await client.query('show server_version');
      return `PostgreSQL ${String(rows[0]?.server_version).split(' ')[0]}`;
    } finally {
      await client.end().catch(() => {});
    }
  },
  shutdown: 'SIGINT', // fast: SIGTERM would wait for the clients
};

const mariadbPrograms = folderOf(['mariadbd'], [...PATHS, '/usr/sbin', '/usr/local/sbin']) ?? '';
const installer = folderOf(['mariadb-install-db'], [...PATHS, '/usr/bin']) ?? '';
const mariadbLogin = { user: 'root', password: '', database: 'mysql' };

const mariadb: ServerKind = {
  name: 'mariadb',
  client: 'mysql2',
  login: mariadbLogin,
  connectTimeout: (connectTimeout) => ({ connectTimeout }),
  absent: absence('MariaDB', mariadbPrograms && installer, 'mysql'),
  user: () => unprivileged('mysql'),
  initialize(data) {
    const options = ['--auth-root-authentication-method=normal', '--skip-test-db', '--innodb-log-file-size=32M'];
    run(join(installer, 'mariadb-install-db'), ['--no-defaults', `--datadir=${data}`, ...options], mariadb.user());
  },
  command: (data, port) => [
    join(mariadbPrograms, 'mariadbd'),
    '--no-defaults',
    ...[`--datadir=${data}`, `--port=${port}`, `--socket=${data}/socket`, `--pid-file=${data}/pid`],
    `--tmpdir=${data}`, // one that starts removes the temporary tables of all others there
    '--bind-address=127.0.0.1',
    '--innodb-flush-log-at-trx-commit=1',
    '--innodb-log-file-size=32M',
    '--innodb-buffer-pool-size=32M',
    '--max-connections=60',
  ],
  async ask(port) {
    const connection = await mysql.createConnection({ host: '127.0.0.1', port, ...mariadbLogin, connectTimeout: 1000 });
    connection.on('error', () => {});
    try {
      const [rows] = await connection.query('select version() as version');
      return `MariaDB ${String((rows as { version: string }[])[0]?.version).split('-')[0]}`;
    } finally {
      connection.destroy();
    }
  },
  shutdown: 'SIGTERM',
};

/** The servers that this suite starts for itself. */
export const serverKinds: readonly ServerKind[] = [postgres, mariadb];

function debianVersions(folder: string): string[] {
  try {
    const versions = readdirSync(folder).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(folder, version, 'bin'));
  } catch {
    return [];
  }
}

function absence(name: string, programs: string, user: string): string | undefined {
  if (programs === '') return `${name} is not installed`;
  try {
    unprivileged(user);
    return undefined;
  } catch {
    return `${name} does not run as root, and there is no user ${user}`;
  }
}

function settings(flag: string, values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => [flag, `${name}=${value}`]);
}
