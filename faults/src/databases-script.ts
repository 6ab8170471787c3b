import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SCRIPT = fileURLToPath(new URL('../../scripts/databases', import.meta.url));

const execute = promisify(execFile);

/** Runs a verb of scripts/databases. @returns what it printed */
export async function databasesScript(...words: readonly string[]): Promise<string> {
  return (await execute(SCRIPT, words)).stdout;
}

/** Why these servers cannot be started here, or undefined where they can. */
export function absenceOf(servers: 'galera' | 'replica' | 'group' | 'pgbouncer'): string | undefined {
  try {
    execFileSync(SCRIPT, [servers, 'possible'], { encoding: 'utf8', stdio: 'pipe' });
    return undefined;
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    return stderr.trim().replace(/^databases: /, '') || String(error);
  }
}

/** The ports in the list that `start` prints. */
export function portsIn(printed: string, variable: string): number[] {
  const list = new RegExp(`^export ${variable}=(\\S+)$`, 'm').exec(printed)?.[1] ?? '';
  const ports = list.split(',').map((url) => Number(new URL(url).port));
  if (ports.some(Number.isNaN)) throw new Error(`scripts/databases printed no ports in ${variable}: ${printed}`);
  return ports;
}
