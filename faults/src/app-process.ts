import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { home } from './home.js';
import type { Held, Ledger } from './ledger.js';
import { ended } from './processes.js';

const APP = fileURLToPath(new URL('./fixtures/app.mjs', import.meta.url));

/** How an app opens its database: `embedded` with a file, or a driver with its connection. */
export interface AppDatabase {
  readonly client: 'embedded' | 'pg' | 'mysql2';
  readonly where: string;
  readonly table: string;
}

/** A process that saves sessions until it is killed. */
export class AppProcess {
  readonly #child: ChildProcess;
  readonly #notes: string;

  /**
   * @param prefix of its sids
   * @param first the number of its first write: more than an earlier process of the same sids has written
   */
  constructor({ client, where, table }: AppDatabase, prefix: string, first: number) {
    this.#notes = join(home(), `${prefix}-${first}-${process.hrtime.bigint()}.notes`);
    const out = openSync(this.#notes, 'w');
    const args = [APP, client, where, table, prefix, String(first)];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', out, 'inherit'] });
  }

  /** Whether it has written anything yet. */
  get works(): boolean {
    return this.#read().some(([word]) => word === 'acknowledged');
  }

  /** Kills it with SIGKILL and enters into the ledger what it was told. */
  async kill(ledger: Ledger): Promise<void> {
    if (this.#child.exitCode !== null) ledger.crashes += 1;
    this.#child.kill('SIGKILL');
    await ended(this.#child);
    const asked = new Map<string, Held>();
    for (const [word, sid = '', value] of this.#read()) {
      const held = value === 'end' ? null : Number(value);
      if (word === 'asked') {
        asked.set(sid, held);
      } else {
        asked.delete(sid);
        await ledger.write(sid, held, async () => held);
      }
    }
    for (const [sid, held] of asked) ledger.unanswered(sid, held);
  }

  #read(): string[][] {
    const lines = readFileSync(this.#notes, 'utf8').split('\n');
    return lines.slice(0, -1).map((line) => line.split(' ')); // the last may have been cut off
  }
}
