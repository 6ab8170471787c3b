import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { betterSqlite3Problem, embeddedProblem, emptyFolder, FIXTURES, linkPackages, ROOT } from './application.js';
import { compile, execute, type Snippet, snippetsOf } from './snippets.js';

vi.setConfig({ testTimeout: 120_000 }); // compilers are slow on a busy machine

const HERE = join(ROOT, 'packages/release-tests');
const PAGES = [
  'README.md',
  ...readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}/README.md`),
  ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`),
].filter((file) => file.endsWith('.md') && existsSync(join(ROOT, file)));

const application = emptyFolder();
const without = embeddedProblem();

beforeAll(async () => {
  const installed = ['@kss/core', '@kss/express', 'express', 'express-session', 'knex'];
  await linkPackages(application, betterSqlite3Problem() === undefined ? [...installed, 'better-sqlite3'] : installed);
});
afterAll(() => rm(application, { recursive: true, force: true }));

describe('the harness', () => {
  const snippets = snippetsOf(readFileSync(join(FIXTURES, 'readme.md'), 'utf8'));
  const [sh, ambient, own, wrong, esm, cjs, ran, server, failed] = snippets;

  it('finds the blocks, their lines and their marks', () => {
    expect(snippets.map(({ language, line, run }) => `${line} ${language}${run ? ' run' : ''}`)).toEqual([
      ...['4 sh', '11 ts', '18 ts', '25 ts', '32 js', '37 js', '43 ts run', '52 js run', '58 js run'],
    ]);
    expect(sh?.code).toBe('npx -y pnpm@10 demo # a comment\nnpm install something\n');
  });

  it('compiles each as a module of its own, with the names that an app has', () => {
    expect(compile(given(ambient), HERE)).toEqual([]);
    expect(compile(given(own), HERE)).toEqual([]);
    expect(compile(given(wrong), HERE)).toEqual(["26: Type 'string' is not assignable to type 'number'."]);
    expect(compile(given(esm), HERE)).toEqual([expect.stringMatching(/^33: Property 'nothing' does not exist/)]);
    expect(compile(given(cjs), HERE)).toEqual([expect.stringMatching(/^38: Property 'nothing' does not exist/)]);
  });

  it('runs those that are marked', async () => {
    expect(await execute(given(ran), application)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await execute(given(server), application)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\n$/),
    });
    expect(await execute(given(failed), application)).toMatchObject({ code: 3, stdout: 'a line\n' });
  });
});

describe.each(PAGES)('%s', (file) => {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const folder = folderOf(file, text);
  const code = snippetsOf(text).filter(({ language }) => language !== 'sh');

  it('shows code', () => expect(code).not.toEqual([]));

  it.each(code)('compiles at line $line', (snippet) => expect(compile(snippet, folder)).toEqual([]));

  it.skipIf(without !== undefined).each(code.filter(({ run }) => run))('runs at line $line', async (snippet) => {
    expect(await execute(snippet, application)).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('the commands in README.md', () => {
  it('are scripts of the workspace, demo and test among them', () => {
    const shell = snippetsOf(readFileSync(join(ROOT, 'README.md'), 'utf8')).filter(({ language }) => language === 'sh');
    const commands = shell.flatMap(({ code }) => [...code.matchAll(/^npx -y pnpm@10 (\S+)/gm)].map(([, name]) => name));
    expect(commands).toEqual(expect.arrayContaining(['demo', 'test']));
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    expect(Object.keys(manifest.scripts)).toEqual(expect.arrayContaining(commands));
  });
});

/** Where a page's snippets look up their imports: a package's finds what the package finds, itself included. */
function folderOf(file: string, text: string): string {
  const marked = /^<!-- snippets: (\S+) -->$/m.exec(text)?.[1];
  if (marked !== undefined) return join(ROOT, marked);
  return file.startsWith('packages/') ? join(ROOT, dirname(file)) : HERE;
}

function given(snippet: Snippet | undefined): Snippet {
  if (snippet === undefined) throw new Error('The fixture lacks a snippet.');
  return snippet;
}
