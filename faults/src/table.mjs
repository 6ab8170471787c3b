// Writes the counts that the long form left in results/long into the table of docs/reliability.md: `pnpm -C faults table`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const results = fileURLToPath(new URL('../results/long', import.meta.url));
const page = fileURLToPath(new URL('../../docs/reliability.md', import.meta.url));
// docs/scaling.md tells of those.
const CLUSTERS = /^(galera|group|replica)/;
const [BEGIN, END] = ['<!-- faults: begin -->', '<!-- faults: end -->'];

const lines = readdirSync(results)
  .filter((name) => name.endsWith('.json'))
  .sort()
  .map((name) => JSON.parse(readFileSync(join(results, name), 'utf8')))
  .filter(({ suite }) => !CLUSTERS.test(suite));
if (lines.length === 0) throw new Error('There are no results: run pnpm test:faults first.');

const number = (value) => (value === null ? '' : value.toLocaleString('en-US'));
const errors = (line) =>
  Object.entries(line.errors)
    .map(([code, count]) => `${number(count)} ${code}`)
    .sort()
    .join(', ') || 'none';
const sum = (key) => lines.reduce((total, line) => total + line[key], 0);
const each = (key) => [...new Set(lines.map((line) => line[key]))].sort().join(', ');

const rows = lines.map((line) => [
  ...[line.scenario, line.database],
  ...[line.faults, line.requests, line.acknowledged, line.lost, line.late, line.twice].map(number),
  errors(line),
  ...[line.hung, line.crashes, line.recovery].map(number),
]);
const head = ['fault', 'database', 'times', 'requests', 'acknowledged writes', 'lost', 'late', 'twice', 'errors'];
const table = [
  [...head, 'never settled', 'crashes', 'longest until used again, ms'],
  ['---', '---', ...Array(6).fill('---:'), '---', ...Array(3).fill('---:')],
  ...rows,
].map((cells) => `| ${cells.join(' | ')} |`);

const text = [
  `Measured on ${each('date')}, Node ${each('node')}, ${each('machine')}. ${number(sum('faults'))} faults, ` +
    `${number(sum('requests'))} requests, ${number(sum('acknowledged'))} acknowledged writes: ${number(sum('lost'))} lost, ` +
    `${number(sum('late'))} late, ${number(sum('twice'))} done twice, ${number(sum('hung'))} calls never settled, ${number(sum('crashes'))} crashes.`,
  '',
  ...table,
].join('\n');

const before = readFileSync(page, 'utf8');
const [begin, end] = [before.indexOf(BEGIN), before.indexOf(END)];
if (begin < 0 || end < begin) throw new Error(`${page} has no markers.`);
writeFileSync(page, `${before.slice(0, begin + BEGIN.length)}\n${text}\n${before.slice(end)}`);
