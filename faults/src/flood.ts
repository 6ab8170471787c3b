import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { AppDatabase } from './app-process.js';

const SCRIPT = fileURLToPath(new URL('./fixtures/flood.mjs', import.meta.url));

/** Megabytes that the objects of a flooded process may take. */
const OLD_SPACE = 192;

/** What a flood left in memory, in bytes: after each third of the calls, or where the database was stalled, again and again. */
export interface FloodResult {
  readonly heaps: readonly number[];
  readonly calls: number;
  readonly seconds: number;
}

/** What a flood came to whose database was stalled after some calls. */
export interface StalledResult extends FloodResult {
  /** Before it was stalled, and when it answered again. */
  readonly before: number;
  readonly after: number;
  /** How many calls failed, by code. */
  readonly codes: Readonly<Record<string, number>>;
}

/**
 * Floods a store in a process of its own.
 *
 * @param said does what the process waits for, by its word
 * @throws Error where it ends otherwise than by itself, as it does without memory
 */
export async function runFlood<R extends FloodResult = FloodResult>(
  flood: string,
  { client, where, table }: AppDatabase,
  calls: number,
  said: (word: string) => void = () => {},
): Promise<R> {
  const flags = ['--expose-gc', `--max-old-space-size=${OLD_SPACE}`, '--disable-warning=ExperimentalWarning'];
  const child = spawn(process.execPath, [...flags, SCRIPT, flood, client, where, table, String(calls)], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  let stdout = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.on('message', (word) => {
    said(String(word));
    child.send('done');
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`The flood of ${flood} ended with ${signal ?? code}: ${stdout}`);
  return JSON.parse(stdout) as R;
}
