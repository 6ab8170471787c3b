import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { home } from './home.js';

/** The user that a server runs as: of this name where this process is root, else its own. */
export type User = { readonly uid: number; readonly gid: number } | undefined;

/** @throws Error where there is no such user */
export function unprivileged(name: string): User {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
  return { uid: id('-u'), gid: id('-g') };
}

/** The first of the folders that has all of the programs. */
export function folderOf(programs: readonly string[], folders: readonly string[]): string | undefined {
  return folders.find((folder) => programs.every((program) => existsSync(join(folder, program))));
}

/** Runs a program to its end. */
export function run(program: string, args: readonly string[], user: User): void {
  execFileSync(program, args, { cwd: home(), stdio: ['ignore', 'ignore', 'pipe'], ...user });
}

/** Starts a program that goes on; what it says is appended to a file in the home of the run. */
export function startProcess(program: string, args: readonly string[], user: User, log: string): ChildProcess {
  const out = openSync(join(home(), log), 'a');
  const child = spawn(program, args, { cwd: home(), stdio: ['ignore', out, out], detached: true, ...user });
  if (child.pid === undefined) throw new Error(`${program} did not start.`);
  writeFileSync(join(home(), `${child.pid}.pid`), '');
  return child;
}

/** One process of the machine. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly title: string;
}

/** The children of a process. */
export function childrenOf(pid: number): Process[] {
  return (existsSync('/proc/self/stat') ? fromProc() : fromPs()).filter(({ parent }) => parent === pid);
}

/** Where there is a /proc, a machine may have no ps. */
function fromProc(): Process[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const [, parent] = /\) \S (\d+) /.exec(readFileSync(`/proc/${Number(name)}/stat`, 'utf8')) ?? [];
      const title = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return [{ pid: Number(name), parent: Number(parent), title }];
    } catch {
      return []; // no process, or one that has ended meanwhile
    }
  });
}

function fromPs(): Process[] {
  const listed = execFileSync('ps', ['-Ao', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return listed.split('\n').flatMap((line) => {
    const [, pid, parent, title = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), title }];
  });
}

/** Sends a signal; a process that is no more is none to tell. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ESRCH') throw error;
  }
}

/** Resolves when a child of this process has ended. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** A port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
