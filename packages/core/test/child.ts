import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestDatabase } from '@kss/test-kit';

/** How a child process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

// Some Node versions warn of their SQLite, whose store is to say nothing else.
const FLAGS = ['--disable-warning=ExperimentalWarning'];

/** The path of a script that a child process runs; it loads what was built. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
}

/** Starts a script, with a channel for messages, and without the flags of the process that runs the tests. */
export function start(script: string, args: readonly string[]): ChildProcess {
  return fork(script, args, { execArgv: FLAGS, silent: true });
}

/** Runs a script to its end; one that does not end within the time is killed, which shows as a signal. */
export function run(script: string, args: readonly string[], options: { ms: number; cwd?: string }): Promise<Ended> {
  // A path that the runner adds would let the script find what is not installed where it is.
  const env = { ...process.env, NODE_PATH: '' };
  return ended(spawn(process.execPath, [...FLAGS, script, ...args], { cwd: options.cwd, env }), options.ms);
}

/** Waits for the end of a child process, and kills it after the time. */
export async function ended(child: ChildProcess, ms: number): Promise<Ended> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  return { code, signal, stdout, stderr };
}

/** A folder of its own for a test, and what removes it. */
export async function folder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'kss-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The arguments with which a fixture opens a database of its own accord; undefined for one that is in this process. */
export function clientArguments(
  { name, label }: TestDatabase,
  file: string,
): [client: string, where: string] | undefined {
  if (name === 'sqlite') return [label === 'node-sqlite' ? 'node:sqlite' : 'better-sqlite3', file];
  const url = process.env[`KSS_TEST_${name.toUpperCase()}_URL`];
  if (url === undefined || url === '') return undefined;
  return [name === 'postgres' ? 'pg' : 'mysql2', url];
}
