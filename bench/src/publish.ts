import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DATABASES, type DatabaseName } from './databases.js';
import { countOf } from './ledger.js';
import { OURS } from './peers/ours.js';
import { dayOf, firstOfReferences, LABELS, machineOf, pictureOf, serverOf } from './pictures.js';
import {
  type HttpReport,
  KINDS,
  type MemoryReport,
  type Results,
  type ScaleReport,
  type StoreReport,
} from './results.js';
import { faultsText } from './run.js';
import { count, markdownTable, number } from './table.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BEGIN = '<!-- speed: written by `pnpm bench publish` -->';
const END = '<!-- /speed -->';

/** Writes the results into README.md, docs/speed.svg and docs/speed.json; which files. */
export function publish(results: Results, root = ROOT): string[] {
  const { store } = results;
  if (store === undefined) throw new Error('There are no results to publish: run `pnpm bench all` first.');
  const quick = KINDS.find((kind) => results[kind]?.settings.quick === true);
  if (quick !== undefined) throw new Error(`${quick}.json is of a --quick run, which says nothing about speed.`);
  const [readme, picture, figures] = ['README.md', 'docs/speed.svg', 'docs/speed.json'].map((name) => join(root, name));
  const page = readFileSync(readme as string, 'utf8');
  writeFileSync(readme as string, withSection(page, sectionOf(store, results)));
  writeFileSync(picture as string, pictureOf(store));
  writeFileSync(figures as string, linesOf(results));
  return [readme as string, picture as string, figures as string];
}

/** The page with another text between the marks. */
export function withSection(page: string, section: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`README.md has no ${BEGIN} before a ${END}.`);
  return `${page.slice(0, begin + BEGIN.length)}\n${section}\n${page.slice(end)}`;
}

function sectionOf(store: StoreReport, results: Results): string {
  const { http, scale, memory } = results;
  return [
    '![Calls a second of each store on each database, as bars; the table below has the same figures](docs/speed.svg)',
    ...storesSection(store),
    ...(http === undefined ? [] : httpSection(http)),
    ...(scale === undefined ? [] : scaleSection(scale)),
    ...(memory === undefined ? [] : memorySection(memory)),
    faultsSection(results),
    `Measured on ${dayOf(store)}: ${machineOf(store)}. ${versionsOf(store, http)}.`,
  ].join('\n\n');
}

function storesSection(report: StoreReport): string[] {
  const clients = Math.max(...report.rows.map((row) => row.clients));
  const shown = firstOfReferences(report);
  const lines = DATABASES.flatMap((database) => {
    const stores = [...new Set(shown.filter((row) => row.database === database).map(({ store }) => store))];
    return stores.map((store) => ({ database, store }));
  });
  type Line = (typeof lines)[number];
  const find = ({ database, store }: Line, verb: string, many: number) =>
    report.rows.find(
      (row) => row.database === database && row.store === store && row.verb === verb && row.clients === many,
    );
  const speed = (verb: string) => ({
    head: verb,
    right: true,
    cell: (line: Line) => perSecond(find(line, verb, clients)?.perSecond),
  });
  const table = markdownTable<Line>(
    [
      { head: 'database', cell: (line) => (find(line, 'get', clients)?.sql ? serverOf(report, line.database) : '') },
      { head: 'store', cell: ({ store }) => (store === OURS ? `**${store}**` : store) },
      ...['get', 'touch', 'set', 'mix'].map(speed),
      { head: 'p99 of mix, ms', right: true, cell: (line) => number(find(line, 'mix', clients)?.p99 ?? Number.NaN) },
      { head: 'get, one client', right: true, cell: (line) => perSecond(find(line, 'get', 1)?.perSecond) },
    ],
    lines,
  );
  return [
    `Calls a second with ${clients} clients; *mix* is requests of an app, each of which reads a session and touches it, or in one of ten cases saves it:`,
    table,
  ];
}

function httpSection({ rows }: HttpReport): string[] {
  const stores = [...new Set(rows.map(({ store }) => store))];
  const frameworks = [
    ['express', 'Express'],
    ['koa', 'Koa'],
    ['fastify', 'Fastify'],
  ] as const;
  const table = markdownTable<string>(
    [
      { head: 'store', cell: (store) => (store === OURS ? `**${store}**` : store) },
      ...frameworks.map(([framework, head]) => ({
        head,
        right: true,
        cell: (store: string) =>
          perSecond(rows.find((row) => row.framework === framework && row.store === store)?.perSecond),
      })),
    ],
    stores,
  );
  return [`Requests a second behind a framework, ${rows[0]?.connections} connections, PostgreSQL:`, table];
}

function scaleSection({ rows, collections }: ScaleReport): string[] {
  const sizes = [...new Set(rows.map((row) => row.rows))];
  const databases = DATABASES.filter((name) => rows.some(({ database }) => database === name));
  const [smallest, largest] = [Math.min(...sizes), Math.max(...sizes)];
  const table = markdownTable<DatabaseName>(
    [
      { head: 'database', cell: (name) => LABELS[name] },
      ...sizes.map((size) => ({
        head: `get, ${count(size)} rows`,
        right: true,
        cell: (name: DatabaseName) =>
          milliseconds(rows.find((row) => row.database === name && row.rows === size)?.mean),
      })),
      ...(['p99Before', 'p99During'] as const).map((key) => ({
        head: key === 'p99Before' ? 'p99 of get' : `p99 while gc deletes ${count(largest / 2)}`,
        right: true,
        cell: (name: DatabaseName) =>
          milliseconds(collections.find((row) => row.database === name && row.rows === largest)?.[key]),
      })),
    ],
    databases,
  );
  const clients = collections[0]?.clients;
  return [
    `From ${count(smallest)} to ${count(largest)} rows, half of them expired; *get* by one client, its p99 by ${clients}:`,
    table,
  ];
}

function memorySection({ rows }: MemoryReport): string[] {
  const lines = rows.map(
    ({ database, store, requests, settled, last }) =>
      `${store} on ${LABELS[database]}: ${Math.round(settled)} MiB after the first tenth of ${count(requests)} requests, ${Math.round(last)} MiB after the last`,
  );
  return [`Resident memory of the process: ${lines.join('; ')}.`];
}

function faultsSection(results: Results): string {
  const faults = KINDS.flatMap((kind) => (kind === 'self' ? [] : (results[kind]?.faults ?? [])));
  const text = faultsText(faults);
  return faults.some((store) => countOf(store.faults) > 0) ? `What went wrong:\n\n\`\`\`\n${text}\n\`\`\`` : text;
}

function versionsOf(store: StoreReport, http: HttpReport | undefined): string {
  const packages = { ...store.packages, ...http?.packages };
  const named = Object.entries(packages).filter(([name]) => !name.startsWith('@kss/'));
  const redis = store.servers.Redis === undefined ? [] : [`Redis ${store.servers.Redis}`];
  return [...redis, ...named.map(([name, version]) => `${name} ${version}`)].join(', ');
}

function perSecond(value: number | undefined): string {
  return value === undefined ? '' : count(Math.round(value));
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '' : `${number(value)} ms`;
}

/** JSON with one line for each figure, so that a later run can be compared line by line. */
function linesOf(results: Results): string {
  const list = (values: readonly unknown[]) =>
    `[\n${values.map((value) => `    ${JSON.stringify(value)}`).join(',\n')}\n  ]`;
  const reports = KINDS.flatMap((kind) => {
    const report = results[kind];
    if (report === undefined) return [];
    const members = Object.entries(report).map(
      ([name, value]) => `  ${JSON.stringify(name)}: ${Array.isArray(value) ? list(value) : JSON.stringify(value)}`,
    );
    return [`{\n${members.join(',\n')}\n}`];
  });
  return `[${reports.join(',\n')}]\n`;
}
