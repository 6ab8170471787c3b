import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DATABASES, type DatabaseName } from './databases.js';
import { VERBS, type Verb } from './verbs.js';

export const COMMANDS = ['store', 'http', 'scale', 'memory', 'self', 'all', 'publish', 'targets'] as const;
export type Command = (typeof COMMANDS)[number];

/** What a run was asked for; what was not given is undefined, and each command has its own default. */
export interface Flags {
  readonly command: Command;
  /** Rounds that count. */
  readonly rounds: number | undefined;
  /** Length of one run of one store. */
  readonly seconds: number | undefined;
  readonly databases: readonly DatabaseName[] | undefined;
  /** Names of stores, or parts of names. */
  readonly only: readonly string[] | undefined;
  readonly clients: readonly number[] | undefined;
  readonly verbs: readonly Verb[] | undefined;
  /** Sessions in the table; of `scale`, one table each. */
  readonly rows: readonly number[] | undefined;
  /** A smoke run: that everything works, not how fast. */
  readonly quick: boolean;
  readonly help: boolean;
  /** Tells how to take a profile, and does nothing else. */
  readonly profile: boolean;
  /** The folder of the results. */
  readonly out: string;
}

export const USAGE = `pnpm bench [command] [flags]

  store     get, touch, set and the mix of an app, beside other stores (the default)
  http      the same behind Express, Koa and Fastify
  scale     get in small and large tables, and while gc deletes half of one
  memory    an hour's worth of requests; resident memory
  self      ours alone: its options side by side, and the bare drivers
  all       store, http, scale and memory, then the targets
  targets   what the last results say about the targets
  publish   writes the last results into README.md and docs/

  --rounds 5              rounds that count, after one for warmth
  --seconds 0.5           length of one run of one store
  --database postgres     postgres, mariadb, mysql, sqlite: a list with commas
  --only KSS,redis        stores whose names contain this; of self, variants
  --clients 1,16,128      http: connections
  --verbs get,mix         get, touch, set, mix
  --rows 10000            sessions in the table; scale: a list, one table each; memory: requests
  --quick                 a smoke run on SQLite
  --out bench/out         where the JSON and the chart go
  --profile               how to see where the time goes`;

export const PROFILING = `In the folder bench, with the flags that single out what you want to see:

  node --cpu-prof --cpu-prof-dir=out --import tsx src/main.ts self --database postgres --only core --verbs get --clients 128
  npx tsx src/profile.ts out/*.cpuprofile
  npx tsx src/flame.ts out/NAME.cpuprofile what it is > flame.svg

The first leaves a .cpuprofile, and with \`http\` one of each app. The second prints the functions with the most time of their
own, by package. The third draws a flame graph.`;

/** Reads a command line; what it does not know is an Error that says so. */
export function readFlags(words: readonly string[]): Flags {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      ...{ rounds: text, seconds: text, database: text, only: text, clients: text, verbs: text, rows: text },
      ...{ out: text, quick: { type: 'boolean' }, profile: { type: 'boolean' }, help: { type: 'boolean' } },
    },
  });
  const [command = 'store', ...more] = positionals;
  if (more.length > 0) throw new Error(`One command at a time, not ${positionals.join(' ')}.`);
  return {
    command: oneOf('command', COMMANDS)(command),
    rounds: values.rounds === undefined ? undefined : whole('--rounds')(values.rounds),
    seconds: values.seconds === undefined ? undefined : positive('--seconds')(values.seconds),
    databases: list(values.database, oneOf('--database', DATABASES)),
    only: list(values.only, (name) => name),
    clients: list(values.clients, whole('--clients')),
    verbs: list(values.verbs, oneOf('--verbs', VERBS)),
    rows: list(values.rows, whole('--rows')),
    quick: values.quick ?? false,
    help: values.help ?? false,
    profile: values.profile ?? false,
    out: folderOf(values.out),
  };
}

/** Whether a store was asked for. Ours always is: ratios refer to it. */
export function isWanted({ only }: Flags, name: string, reference: string): boolean {
  if (only === undefined || name === reference) return true;
  return only.some((part) => name.toLowerCase().includes(part.toLowerCase()));
}

/** pnpm runs a script in its package's folder, and says where it was called. */
function folderOf(out: string | undefined): string {
  if (out === undefined) return fileURLToPath(new URL('../out', import.meta.url));
  return resolve(process.env.INIT_CWD ?? '.', out);
}

function list<T>(value: string | undefined, read: (part: string) => T): T[] | undefined {
  return value?.split(',').map((part) => read(part.trim()));
}

function oneOf<T extends string>(flag: string, allowed: readonly T[]): (value: string) => T {
  return (value) => {
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) throw new Error(`${flag}: ${value} is none of ${allowed.join(', ')}.`);
    return found;
  };
}

function positive(flag: string): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (!(number > 0)) throw new Error(`${flag}: ${value} is no positive number.`);
    return number;
  };
}

function whole(flag: string): (value: string) => number {
  return (value) => {
    const number = positive(flag)(value);
    if (!Number.isInteger(number)) throw new Error(`${flag}: ${value} is no whole number.`);
    return number;
  };
}
