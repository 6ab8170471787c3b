import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, realpathSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const FIXTURES = fileURLToPath(new URL('../fixtures', import.meta.url));

const INSTALLED = ['packages/release-tests', 'packages/express', 'packages/core', '.'];

/** How a command ended. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Makes an empty folder outside of the workspace, so that nothing is found there by accident. */
export function emptyFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'kss-release-')));
}

/** Puts packages of the workspace into the `node_modules` of an application, by links. */
export async function linkPackages(application: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const found = INSTALLED.map((folder) => join(ROOT, folder, 'node_modules', name)).find((path) => existsSync(path));
    if (found === undefined) throw new Error(`${name} is not installed in the workspace.`);
    const link = join(application, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(realpathSync(found), link);
  }
}

/** Packs a package of the workspace with pnpm, as publishing does. */
export async function pack(folder: string, destination: string): Promise<string> {
  const caller = process.env.npm_execpath ?? '';
  const isPnpm = basename(caller).startsWith('pnpm');
  const command = isPnpm
    ? /\.[cm]?js$/.test(caller)
      ? [process.execPath, caller]
      : [caller]
    : ['npx', '-y', 'pnpm@10'];
  const packed = await run([...command, 'pack', '--pack-destination', destination], join(ROOT, folder));
  if (packed.code !== 0) throw new Error(`${folder} was not packed: ${packed.stdout}${packed.stderr}`);
  const tarball = packed.stdout.split('\n').find((line) => line.trim().endsWith('.tgz'));
  if (tarball === undefined) throw new Error(`pnpm did not say what it packed: ${packed.stdout}`);
  return join(destination, basename(tarball.trim()));
}

/** Runs a command to its end. Nothing of the test runner's environment can lead it back into the workspace. */
export function run(command: readonly string[], cwd: string): Promise<Outcome> {
  const { NODE_PATH: _path, NODE_OPTIONS: _options, ...rest } = process.env;
  // Some versions of Node warn of the SQLite that they bring.
  const env = { ...rest, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' };
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Why an embedded store cannot run here, or undefined where it can or must: through better-sqlite3 or through Node. */
export function embeddedProblem(): string | undefined {
  return process.getBuiltinModule?.('node:sqlite') === undefined ? betterSqlite3Problem() : undefined;
}

/** Why better-sqlite3 cannot be used here, or undefined where it can or must. */
export function betterSqlite3Problem(): string | undefined {
  if ((process.env.KSS_TEST_REQUIRE ?? '').split(',').includes('sqlite')) return undefined;
  try {
    const Database = createRequire(join(ROOT, 'package.json'))('better-sqlite3') as new (
      path: string,
    ) => { close(): void };
    new Database(':memory:').close();
    return undefined;
  } catch (error) {
    return `better-sqlite3 does not load: ${(error as Error).message}`;
  }
}
