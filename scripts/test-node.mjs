/**
 * Runs what a version of Node can break on each version that is supported: `pnpm test:node`, or `pnpm test:node 22 26`.
 *
 * Each Node comes from npm (the package `node`) into .nodes/, where it stays; remove the folder to get newer ones. On each run
 * the contract suites of the core, on its build; suites of the adapters; and the packed packages in applications. They
 * come without headers, so the databases are those that need no compiling, and the servers that have a URL.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// 22.13 is the first that has SQLite built in.
const NODES = ['20', '22.13.0', '22', '24', '26'];

const CORE =
  'save update search criteria-callback expiry-verbs gc table sync outage embedded process exports ' +
  'node-sqlite node-sqlite-failures column-types unique-columns session-contents odd-sids';
// What an adapter does with its framework and with asynchronous context has nothing to do with servers.
const servers = 'POSTGRES MARIADB MYSQL COCKROACH MSSQL ORACLE'.split(' ').map((name) => [`KSS_TEST_${name}_URL`, '']);
const alone = { ...Object.fromEntries(servers), KSS_TEST_REQUIRE: 'pglite' };
const RUNS = [
  { folder: 'core', suites: CORE, env: { KSS_TEST_BUILT: '1', KSS_TEST_MYSQL_URL: '' } }, // whose driver is MariaDB's
  { folder: 'express', suites: 'life-cycle versions', env: alone },
  { folder: 'koa', suites: 'generic-life session-life minimal-life request-context', env: alone },
  { folder: 'fastify', suites: 'life-cycle', env: alone },
  { folder: 'release-tests', suites: 'packed', only: 'in an application', env: {} },
];

const root = fileURLToPath(new URL('..', import.meta.url));
const home = join(root, '.nodes');
const asked = process.argv.slice(2);

const lines = (asked.length > 0 ? asked : NODES).map(testNode);
console.log(`\n${lines.map(({ text }) => text).join('\n')}`);
process.exitCode = lines.every(({ good }) => good) ? 0 : 1;

/** @returns what to say of one Node in the end */
function testNode(wanted) {
  const binary = install(wanted);
  if (binary === undefined) return { good: false, text: `Node ${wanted}: FAILED, it could not be installed` };
  const { version, sqlite } = about(binary);
  const began = Date.now();
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const run of RUNS) {
    const counted = runSuites(run, binary, version, sqlite);
    for (const key of Object.keys(total)) total[key] += counted[key];
  }
  const seconds = Math.round((Date.now() - began) / 1000);
  const counts = `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`;
  return { good: total.failed === 0, text: `Node ${version}: ${counts} in ${seconds} s` };
}

/** @returns the path of the binary; undefined where it cannot be had */
function install(wanted) {
  const folder = join(home, wanted);
  const binary = join(folder, 'node_modules/node/bin/node');
  if (!works(binary)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const manifest = { private: true, dependencies: { node: wanted }, allowScripts: { node: true } };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    const npm = ['install', '--no-audit', '--no-fund', '--loglevel=error'];
    const { status, error } = spawnSync('npm', npm, { cwd: folder, stdio: 'inherit' });
    if (status !== 0) console.error(`npm install node@${wanted} failed: ${error?.message ?? `exit code ${status}`}`);
  }
  return works(binary) ? binary : undefined;
}

function works(binary) {
  return existsSync(binary) && spawnSync(binary, ['--version']).status === 0;
}

function about(binary) {
  const script =
    'JSON.stringify({ version: process.versions.node, sqlite: require("node:module").isBuiltin("node:sqlite") })';
  return JSON.parse(String(spawnSync(binary, ['-p', script]).stdout));
}

/** Runs suites of a package, and counts; a run that is no report, or that nothing passed in, is a failure. */
function runSuites({ folder, suites, only, env }, binary, version, sqlite) {
  const files = suites.split(' ').map((name) => `test/${name}.test.ts`);
  const cwd = join(root, 'packages', folder);
  const missing = files.filter((file) => !existsSync(join(cwd, file)));
  if (missing.length > 0)
    throw new Error(`${folder} has no ${missing.join(', ')}: mend the list in scripts/test-node.mjs.`);

  const name = `${version}-${folder}`;
  const report = join(home, `${name}.json`);
  rmSync(report, { force: true });
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...files, `--outputFile.json=${report}`];
  const { status, stdout, stderr } = spawnSync(binary, only === undefined ? vitest : [...vitest, '-t', only], {
    cwd,
    env: { ...process.env, KSS_TEST_REQUIRE: required(sqlite), KSS_TEST_VARIANTS: 'node-sqlite', ...env },
    maxBuffer: 2 ** 28,
  });
  const log = `${stdout}${stderr}`;
  writeFileSync(join(home, `${name}.log`), log);

  const counted = count(report);
  if (status !== 0 || counted.passed === 0) counted.failed = Math.max(1, counted.failed);
  const skips = env === alone ? [] : new Set(log.match(/(?<=SKIPPED: .* on ).*/g));
  console.log(
    `Node ${version}, ${folder}: ${counted.passed} passed, ${counted.failed} failed, ${counted.skipped} skipped`,
  );
  for (const skip of skips) console.log(`  skipped: ${skip}`);
  if (counted.failed > 0) console.log(log.slice(Math.max(0, log.search(/Failed (Suites|Tests)|Startup Error/))));
  return counted;
}

/** SQLite is required where Node brings it; what the caller requires of servers stays required. */
function required(sqlite) {
  const servers = (process.env.KSS_TEST_REQUIRE ?? '').split(',').filter((name) => /^(postgres|mariadb)$/.test(name));
  return ['pglite', ...(sqlite ? ['node-sqlite'] : []), ...servers].join(',');
}

function count(report) {
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 };
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  const unloaded = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.length,
  );
  return {
    passed: numPassedTests,
    failed: numFailedTests + unloaded.length,
    skipped: numPendingTests + numTodoTests,
  };
}
