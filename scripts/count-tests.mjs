/**
 * Prints `N passed, N failed`, counted from the reports that vitest left in the packages. The arguments name the steps of
 * `.ci/run` that failed.
 *
 * One failure each are: a failed test, a test file that could not be loaded, a package that has tests and left no report,
 * and a failed step. The step `test` counts only where nothing else explains it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const steps = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };

for (const folder of ['packages', 'examples']) {
  for (const name of readdirSync(join(root, folder))) countPackage(`${folder}/${name}`);
}
for (const folder of ['bench', 'faults', 'fuzz']) countPackage(folder);
if (steps.includes('test') && total.failed === 0) fail('test failed, and no report says why');
for (const step of steps.filter((name) => name !== 'test')) fail(`${step} failed`);

const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed > 0 ? 1 : 0;

function countPackage(folder) {
  const manifest = readJson(join(root, folder, 'package.json'));
  const { 'test:unbatched': again, ...scripts } = manifest?.scripts ?? {};
  if (['test', 'test:faults', 'test:fuzz'].some((name) => name in scripts)) countReport(folder, 'test-report.json');
  if (again !== undefined) countReport(folder, 'test-report-unbatched.json');
}

function countReport(folder, name) {
  const report = readJson(join(root, folder, name));
  if (report === undefined) return fail(`${folder} left no ${name}`);

  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, success, testResults } = report;
  const unloaded = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.length,
  );
  total.passed += numPassedTests;
  total.failed += numFailedTests;
  total.skipped += numPendingTests + numTodoTests;
  for (const file of unloaded) fail(`${file.name.replace(root, '')} did not load`);
  if (!success && numFailedTests + unloaded.length === 0) fail(`${folder} failed outside of its tests`);
  console.log(
    `${folder}/${name}: ${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests + numTodoTests} skipped`,
  );
}

function fail(why) {
  total.failed += 1;
  console.log(`FAILED: ${why}`);
}

function readJson(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}
