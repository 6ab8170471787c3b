import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { emptyFolder, type Outcome, ROOT, run } from './application.js';

type Manifest = Record<string, unknown> & { readonly scripts: Record<string, string> };

const PACKAGES = ['core', 'express', 'koa', 'fastify'] as const;
const SCRIPT = 'scripts/check-release.mjs';

const folder = emptyFolder();
afterAll(() => rm(folder, { recursive: true, force: true }));

const manifestOf = (path: string) => JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8')) as Manifest;

function repositoryOf(name: string) {
  return { type: 'git', url: 'git+https://example.org/someone/kss.git', directory: `packages/${name}` };
}

/** Looks at copies of the manifests; each has a repository, unless a change takes it away. */
async function check(change: (manifest: Manifest, name: string) => object = (manifest) => manifest, env = {}) {
  for (const name of PACKAGES) {
    const manifest = change({ ...manifestOf(`packages/${name}`), repository: repositoryOf(name) }, name);
    await mkdir(join(folder, 'packages', name), { recursive: true });
    await writeFile(join(folder, 'packages', name, 'package.json'), JSON.stringify(manifest));
  }
  const variables = Object.entries({ GITHUB_REPOSITORY: undefined, ...env });
  const set = variables.flatMap(([name, value]) => (value === undefined ? ['-u', name] : [`${name}=${value}`]));
  return run(['env', ...set, process.execPath, join(ROOT, SCRIPT), folder], ROOT);
}

function refused(...sentences: RegExp[]) {
  return ({ code, stdout, stderr }: Outcome) => {
    const lines = stderr.trim().split('\n');
    expect(lines.at(-1)).toBe('Nothing was published.');
    expect(lines.slice(0, -1)).toEqual(sentences.map((sentence) => expect.stringMatching(sentence)));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  };
}

describe('a release', () => {
  it('begins with the check, for all packages and for each', () => {
    expect(manifestOf('.').scripts.release).toMatch(`node ${SCRIPT} && `);
    for (const name of PACKAGES)
      expect(manifestOf(`packages/${name}`).scripts.prepublishOnly).toBe(`node ../../${SCRIPT}`);
  });

  it('is not refused where each package names its repository', async () => {
    expect(await check()).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('is refused as long as a package does not, with what to do', async () => {
    const missing = PACKAGES.toSorted().map(
      (name) =>
        new RegExp(`^packages/${name}/package.json lacks the repository, .*: add "repository": .*packages/${name}`),
    );
    refused(...missing)(await check(({ repository: _, ...manifest }) => manifest));
  });

  it.each<[string, (manifest: Manifest) => object, RegExp]>([
    [
      'a dependency',
      (it) => ({ ...it, dependencies: { 'left-pad': '1' } }),
      /koa.*depends on left-pad: make it a peer/,
    ],
    ['no provenance', (it) => ({ ...it, publishConfig: { access: 'public' } }), /koa.*lacks "publishConfig"/],
    ['no access', ({ publishConfig: _, ...it }) => it, /koa.*lacks "publishConfig"/],
    ['a script', (it) => ({ ...it, scripts: { postinstall: 'true' } }), /koa.*has the script postinstall.*: remove it/],
    ['a folder of another', (it) => ({ ...it, repository: repositoryOf('core') }), /koa.*: write .*"packages\/koa"/],
    [
      'a place holder',
      (it) => ({ ...it, repository: { ...repositoryOf('koa'), url: 'git+https://<host>/kss.git' } }),
      /koa.*: write/,
    ],
  ])('is refused where one has %s', async (_, change, sentence) => {
    refused(sentence)(await check((manifest, name) => (name === 'koa' ? change(manifest) : manifest)));
  });

  it('is refused where it runs in another repository than the packages name', async () => {
    const other = { GITHUB_SERVER_URL: 'https://example.org', GITHUB_REPOSITORY: 'someone/else' };
    const sentence = /has the repository .*, and this is git\+https:\/\/example.org\/someone\/else.git: correct it/;
    refused(...PACKAGES.map(() => sentence))(await check(undefined, other));
    const same = { ...other, GITHUB_REPOSITORY: 'Someone/KSS' };
    expect(await check(undefined, same)).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('the workflow of a release', () => {
  const workflow = readFileSync(join(ROOT, '.github/workflows/release.yml'), 'utf8');
  const jobs = new Map(
    (workflow.split(/^jobs:$/m)[1] ?? '').split(/^ {2}(?=\w+:$)/m).map((job) => [job.split(':')[0], job] as const),
  );

  it('runs actions of a fixed commit, and pnpm of the version that the project has', () => {
    const uses = workflow.match(/uses: .*/g) ?? [];
    expect(uses.length).toBeGreaterThan(0);
    for (const action of uses) expect(action).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    const pnpm = new Set(workflow.match(/pnpm@[\d.]+/g));
    expect([...pnpm]).toEqual([manifestOf('.').packageManager]);
  });

  it('has an identity only where it publishes, writes nothing into the repository, and holds no secret', () => {
    expect(workflow).toMatch(/^permissions: \{\}$/m);
    expect(jobs.get('publish')).toMatch(/permissions:\n {6}contents: read\n {6}id-token: write/);
    for (const [name, job] of jobs) if (name !== 'publish') expect(job).not.toContain('id-token');
    expect(workflow).not.toMatch(/contents: write|secrets\.|registry/i);
    expect(jobs.get('publish')).toContain('--ignore-scripts');
  });
});
