import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { number, textTable } from './table.js';

/** The part of a .cpuprofile that is read; https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
export interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly children?: readonly number[];
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds from each sample to the one before it. */
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  readonly package: string;
  readonly name: string;
  readonly place: string;
  readonly milliseconds: number;
}

/** The time that each function had of its own, the most first. Idle time is left out. */
export function selfTimes({ nodes, samples, timeDeltas }: Profile): SelfTime[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const totals = new Map<string, SelfTime>();
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    if (frame === undefined || frame.functionName === '(idle)') continue;
    const { functionName, url, lineNumber } = frame;
    const file = url.split('/').slice(-2).join('/');
    const place = url === '' ? '' : `${file}:${lineNumber + 1}`;
    const key = `${url}:${lineNumber}:${functionName}`;
    const before = totals.get(key)?.milliseconds ?? 0;
    const milliseconds = before + (timeDeltas[index] ?? 0) / 1000;
    totals.set(key, { package: packageOf(url), name: functionName || '(anonymous)', place, milliseconds });
  }
  return [...totals.values()].sort((a, b) => b.milliseconds - a.milliseconds);
}

/** Which package a file belongs to. */
export function packageOf(url: string): string {
  if (url === '') return 'V8'; // the collector, compiled code of V8's own, native functions
  if (url.startsWith('node:')) return 'node';
  const installed = [...url.matchAll(/\/node_modules\/((?:@[^/]+\/)?[^/]+)/g)].at(-1)?.[1];
  if (installed !== undefined) return installed;
  const own = /\/packages\/([^/]+)\//.exec(url)?.[1];
  return own === undefined ? 'bench' : `@kss/${own}`;
}

/** The packages with the most time of their own, each with its first functions. */
export function profileText(profile: Profile, functions = 6): string {
  const times = selfTimes(profile);
  const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const packages = groups(times);
  return packages
    .map(([name, own]) => {
      const sum = own.reduce((all, { milliseconds }) => all + milliseconds, 0);
      const table = textTable(
        [
          { head: '   self ms', right: true, cell: ({ milliseconds }) => number(milliseconds) },
          { head: '%', right: true, cell: ({ milliseconds }) => ((milliseconds / total) * 100).toFixed(1) },
          { head: 'function', cell: (time) => time.name },
          { head: 'at', cell: ({ place }) => place },
        ],
        own.slice(0, functions),
      );
      return `${name}: ${number(sum)} ms, ${((sum / total) * 100).toFixed(1)} %\n${table}`;
    })
    .join('\n\n');
}

function groups(times: readonly SelfTime[]): [string, SelfTime[]][] {
  const found = new Map<string, SelfTime[]>();
  for (const time of times) found.set(time.package, [...(found.get(time.package) ?? []), time]);
  const sum = (own: readonly SelfTime[]) => own.reduce((all, { milliseconds }) => all + milliseconds, 0);
  return [...found].sort(([, a], [, b]) => sum(b) - sum(a));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const file of process.argv.slice(2)) {
    console.log(`${file}\n\n${profileText(JSON.parse(readFileSync(file, 'utf8')) as Profile)}\n`);
  }
}
