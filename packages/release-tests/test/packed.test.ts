import { readdirSync, readFileSync, statSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  betterSqlite3Problem,
  embeddedProblem,
  emptyFolder,
  FIXTURES,
  linkPackages,
  pack,
  ROOT,
  run,
} from './application.js';

vi.setConfig({ testTimeout: 120_000 }); // compilers are slow on a busy machine

const PACKAGES = ['core', 'express', 'koa', 'fastify'] as const;
// What an app installs beside the packages, and what they depend on.
const FRAMEWORKS = [
  'express',
  'express-session',
  'koa',
  'koa-generic-session',
  'fastify',
  '@fastify/session',
  '@fastify/cookie',
];
const BESIDE = ['knex', 'better-sqlite3', ...FRAMEWORKS];
const TYPES = ['@types/node', '@types/express', '@types/express-session'];

const folder = emptyFolder();
const application = join(folder, 'application');
const bare = join(folder, 'bare');

const without = embeddedProblem();
if (without !== undefined) console.warn(`SKIPPED: the packed packages are not run: ${without}`);

beforeAll(async () => {
  for (const name of PACKAGES) {
    const tarball = await pack(`packages/${name}`, folder);
    console.log(`@kss/${name}: ${statSync(tarball).size} bytes packed`);
    await unpack(tarball, join(application, 'node_modules/@kss', name));
    if (name === 'core') await unpack(tarball, join(bare, 'node_modules/@kss', name));
  }
  await linkPackages(application, [
    ...BESIDE.filter((name) => name !== 'better-sqlite3' || !betterSqlite3Problem()),
    ...TYPES,
  ]);
  for (const place of [application, bare]) await cp(join(FIXTURES, 'app'), place, { recursive: true });
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(PACKAGES)('the package @kss/%s', (name) => {
  const unpacked = join(application, 'node_modules/@kss', name);
  const manifest = () => JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8')) as Record<string, unknown>;

  it('holds what was built, its licence and its README, and nothing else', () => {
    const files = filesIn(unpacked);
    expect(files.filter((file) => !file.startsWith('dist/'))).toEqual(['LICENSE', 'README.md', 'package.json']);
    const built = files.filter((file) => file.startsWith('dist/'));
    expect(built).toEqual(
      expect.arrayContaining(['dist/index.cjs', 'dist/index.d.cts', 'dist/index.d.ts', 'dist/index.js']),
    );
    for (const file of built) expect(file).toMatch(/^dist\/[\w-]+\.(c?js(\.map)?|d\.c?ts)$/);
    expect(built.filter((file) => /test|fixture/i.test(file))).toEqual([]);
    const size = (file: string) => statSync(join(unpacked, file)).size;
    console.log(files.map((file) => `  ${file} ${size(file)}`).join('\n'));
  });

  it('tells nothing of the machine that built it', () => {
    for (const file of filesIn(unpacked)) expect(readFileSync(join(unpacked, file), 'utf8'), file).not.toContain(ROOT);
  });

  it('depends on what it says it does', () => {
    const { dependencies, peerDependencies } = manifest() as Record<string, Record<string, string> | undefined>;
    const needed = {
      core: [],
      express: ['@kss/core', '@types/express-session'],
      koa: ['@kss/core'],
      fastify: ['@kss/core'],
    };
    expect(Object.keys(dependencies ?? {}).sort()).toEqual(needed[name]);
    expect(Object.keys(peerDependencies ?? {})).toContain('knex');
    for (const range of Object.values({ ...dependencies, ...peerDependencies })) expect(range).toMatch(/^[\^>~\d]/);
  });

  it('is published in the open, with its provenance, and runs nothing where it is installed', () => {
    const { publishConfig, scripts } = manifest();
    expect(publishConfig).toEqual({ access: 'public', provenance: true });
    expect(Object.keys(scripts ?? {}).filter((name) => /install|prepare|publish/.test(name))).toEqual([]);
  });

  it('names only files that are there', () => {
    const { main, module, types, exports, typesVersions } = manifest();
    const named = JSON.stringify({ main, module, types, exports, typesVersions }).match(/\.\/dist\/[^"]+/g) ?? [];
    expect(filesIn(unpacked)).toEqual(expect.arrayContaining(named.map((path) => path.slice(2))));
  });
});

describe('in an application that has only what it installed', () => {
  it.skipIf(without !== undefined).each(PACKAGES.flatMap((name) => [`${name}.mjs`, `${name}.cjs`]))(
    '%s runs',
    async (script) => {
      expect(await run([process.execPath, script], application)).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
    },
  );

  it('the core loads without knex, and the store then says what to install', async () => {
    expect(await run([process.execPath, 'bare.mjs'], bare)).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
  });
});

describe('with TypeScript, strict and without skipLibCheck', () => {
  const esm = { type: 'module', options: { module: 'NodeNext', moduleResolution: 'NodeNext' } };
  const cjs = { type: 'commonjs', options: { module: 'NodeNext', moduleResolution: 'NodeNext' } };
  const classic = {
    type: 'commonjs',
    options: { module: 'CommonJS', moduleResolution: 'node10', esModuleInterop: false },
  };

  // The declarations of pino, which Fastify's refer to, import by default and need esModuleInterop.
  const lenient = { ...classic, options: { ...classic.options, skipLibCheck: true } };

  it.each([
    ['core.ts', 'NodeNext ESM', esm],
    ['core.ts', 'NodeNext CommonJS', cjs],
    ['core.ts', 'classic CommonJS without esModuleInterop', classic],
    ['express.ts', 'NodeNext ESM', esm],
    ['express.ts', 'NodeNext CommonJS', cjs],
    ['express-classic.ts', 'classic CommonJS without esModuleInterop', classic],
    ['koa.ts', 'NodeNext ESM', esm],
    ['koa.ts', 'NodeNext CommonJS', cjs],
    ['koa.ts', 'classic CommonJS without esModuleInterop', classic],
    ['fastify.ts', 'NodeNext ESM', esm],
    ['fastify.ts', 'NodeNext CommonJS', cjs],
    ['fastify.ts', 'classic CommonJS without esModuleInterop', lenient],
    ['mixed.ts', 'NodeNext ESM, with the CommonJS build beside it', esm],
  ])('%s compiles as %s, and runs', async (file, mode, { type, options }) => {
    const project = join(application, `${file} ${mode}`.replaceAll(/[^\w.]+/g, '-'));
    await mkdir(project);
    await writeFile(join(project, 'package.json'), JSON.stringify({ type }));
    await cp(join(application, file), join(project, file));
    const compilerOptions = {
      target: 'ES2022',
      lib: ['ES2022'],
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      ...options,
    };
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));

    expect(await run([process.execPath, tsc, '-p', '.'], project)).toEqual({ code: 0, stdout: '', stderr: '' });
    if (without !== undefined) return;
    const script = file.replace('.ts', '.js');
    expect(await run([process.execPath, script], project)).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
  });
});

const tsc = createRequire(import.meta.url).resolve('typescript/lib/tsc.js');

async function unpack(tarball: string, into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  expect(await run(['tar', '-xzf', tarball, '--strip-components=1'], into)).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  });
}

function filesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(path, name)).isFile())
    .sort();
}
