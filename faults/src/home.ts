import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const VARIABLE = 'KSS_FAULTS_HOME';

/** The folder that the servers of this run live in. */
export function home(): string {
  const folder = process.env[VARIABLE];
  if (folder === undefined) throw new Error(`${VARIABLE} is set by vitest's global setup.`);
  return folder;
}

/** Before all tests: a seed, and a folder that servers under another user can reach. After them: what still runs there ends. */
export default async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'kss-faults-'));
  await chmod(folder, 0o755);
  process.env[VARIABLE] = folder;
  process.env.KSS_FAULTS_SEED ??= String(Date.now() % 1_000_000_007);
  console.log(`The seed is ${process.env.KSS_FAULTS_SEED}.`);
  return async () => {
    for (const name of await readdir(folder)) {
      const pid = Number(/^(\d+)\.pid$/.exec(name)?.[1]);
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (command.includes(folder)) process.kill(pid, 'SIGKILL');
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
}
