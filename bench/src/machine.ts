import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import type { Database } from './databases.js';
import { redisServer } from './peers/connect-redis.js';

/** What a run ran on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memory: string;
  readonly system: string;
  readonly node: string;
  /** The load average of the minute before the run: above 0 where others were at work. */
  readonly load: number;
}

const LOAD = Math.round((loadavg()[0] ?? 0) * 10) / 10; // a run is a load of its own

/** Why figures of this run may mislead, where the machine was at work already. */
export function busy(): string | undefined {
  if (LOAD < cpus().length / 4) return undefined;
  return `The machine is busy: its load average is ${LOAD}. Figures will be lower, and ratios less sure.`;
}

export function machine(): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${type()} ${release().split('-')[0]}`,
    node: process.version,
    load: LOAD,
  };
}

/** The versions of the servers, by what they are called. */
export async function serverVersions(databases: readonly Database[]): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const database of databases) versions[database.label] = await database.version();
  const redis = await redisServer();
  if ('version' in redis) versions.Redis = redis.version;
  return versions;
}

const DRIVERS = ['knex', 'pg', 'mysql2', 'better-sqlite3', 'redis'];

/** The versions of npm packages, the drivers among them; ours has the commit that was built. */
export function packageVersions(names: Iterable<string>): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const name of [...new Set([...names, ...DRIVERS])].sort()) {
    try {
      const manifest = readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8');
      versions[name] = name.startsWith('@kss/') ? commit() : (JSON.parse(manifest) as { version: string }).version;
    } catch {
      versions[name] = 'not installed';
    }
  }
  return versions;
}

/** The commit that is checked out, with a plus where files differ from it; empty outside of a repository. */
function commit(): string {
  try {
    const git = (...words: string[]) =>
      execFileSync('git', words, { encoding: 'utf8', cwd: new URL('..', import.meta.url) }).trim();
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', '../packages') !== '';
    return git('rev-parse', '--short', 'HEAD') + (changed ? '+' : '');
  } catch {
    return '';
  }
}
