import { type DatabaseName, databaseOf } from '../databases.js';
import { messageOf } from '../ledger.js';
import { PEERS } from '../peers/index.js';
import type { Framework } from '../results.js';
import { startApp } from './apps.js';

/** One app in a process of its own, so that its processor time is its own. The parent asks by messages. */
export interface ServerOptions {
  readonly framework: Framework;
  readonly peer: string;
  readonly database: DatabaseName;
  /** The folder of SQLite files. */
  readonly folder: string;
  readonly table: string;
}

export type ServerRequest = 'usage' | 'close';

export type ServerReply =
  | { readonly port: number }
  /** Processor time in microseconds since the process began, and what it threw where nobody could catch it. */
  | { readonly cpu: number; readonly unhandled: number; readonly first: string | undefined }
  | { readonly failed: string };

let unhandled = 0;
let first: string | undefined;

function note(error: unknown): void {
  unhandled++;
  first ??= messageOf(error);
}

process.on('uncaughtException', note); // a rejection that nobody handles becomes one

process.on('SIGINT', () => {}); // the parent got it, too, and closes

const reply = (message: ServerReply) => process.send?.(message);

try {
  const { framework, peer: name, database: kind, folder, table } = JSON.parse(process.argv[2] ?? '') as ServerOptions;
  const peer = PEERS.find((candidate) => candidate.name === name);
  const database = databaseOf(kind, folder);
  if (peer === undefined || typeof database === 'string') throw new Error(`${name} on ${kind}: ${database}`);
  const app = await startApp(framework, peer, database, table);
  process.on('message', async (request: ServerRequest) => {
    if (request === 'usage') {
      const { user, system } = process.cpuUsage();
      reply({ cpu: user + system, unhandled, first });
    } else {
      await app.close();
      process.exit(0);
    }
  });
  process.on('disconnect', () => void app.close().finally(() => process.exit(1)));
  reply({ port: app.port });
} catch (error) {
  reply({ failed: messageOf(error) });
  process.disconnect?.();
  process.exitCode = 1;
}
