/**
 * Fails where a package would be published that does not say where it was built, or that brings along what nobody asked for.
 * `pnpm release` begins with it, and so does the publishing of each package. The argument is another folder to look at.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url));

/** Run on the machine of whoever installs a package. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];

const published = readdirSync(join(root, 'packages'))
  .map((folder) => ({ folder: `packages/${folder}`, manifest: manifestIn(`packages/${folder}`) }))
  .filter(({ manifest }) => manifest !== undefined && manifest.private !== true);

const problems = published.flatMap(({ folder, manifest }) =>
  problemsOf(folder, manifest).map((problem) => `${folder}/package.json ${problem}`),
);
if (published.length === 0) problems.push(`There is no package to publish in ${root}.`);
for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error('Nothing was published.');
  process.exitCode = 1;
}

function problemsOf(folder, { dependencies = {}, publishConfig = {}, repository, scripts = {} }) {
  const found = [];
  const own = published.map(({ manifest }) => manifest.name);
  for (const name of Object.keys(dependencies)) {
    if (!own.includes(name) && !name.startsWith('@types/'))
      found.push(`depends on ${name}: make it a peer dependency, or do without it.`);
  }
  if (publishConfig.access !== 'public' || publishConfig.provenance !== true)
    found.push('lacks "publishConfig": { "access": "public", "provenance": true }: add it.');
  for (const name of INSTALL_SCRIPTS) {
    if (name in scripts) found.push(`has the script ${name}, which runs where the package is installed: remove it.`);
  }
  return [...found, ...problemsOfRepository(folder, repository)];
}

function problemsOfRepository(folder, repository) {
  const wanted = `"repository": { "type": "git", "url": "git+https://<host>/<owner>/<name>.git", "directory": "${folder}" }`;
  if (repository === undefined)
    return [
      `lacks the repository, which the provenance names and the registry compares: add ${wanted}, here and in the other ` +
        'published packages, with the address of the repository that the release workflow runs in.',
    ];
  const { type, url, directory } = repository;
  if (type !== 'git' || !/^git\+https:\/\/[^<>]+\.git$/.test(String(url)) || directory !== folder)
    return [`has another repository than a registry can compare: write ${wanted}.`];
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env;
  const here = `git+${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}.git`;
  if (GITHUB_REPOSITORY === undefined || String(url).toLowerCase() === here.toLowerCase()) return [];
  return [`has the repository ${url}, and this is ${here}: correct it, or release from there.`];
}

function manifestIn(folder) {
  try {
    return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}
