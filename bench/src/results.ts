import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseName } from './databases.js';
import type { Faults } from './ledger.js';
import type { Machine } from './machine.js';
import type { Figures } from './rounds.js';
import type { Verb } from './verbs.js';

/** What every result says of its run. */
interface Header<Kind extends string> {
  readonly kind: Kind;
  /** When the run ended, in ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  readonly servers: Readonly<Record<string, string>>;
  readonly packages: Readonly<Record<string, string>>;
  /** With what it was called. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** What one store got wrong on one database, or behind one framework. */
export interface StoreFaults {
  readonly at: string;
  readonly store: string;
  readonly faults: Faults;
}

export interface StoreRow extends Figures {
  readonly database: DatabaseName;
  readonly store: string;
  /** Whether it keeps its sessions in that database. */
  readonly sql: boolean;
  readonly verb: Verb;
  readonly clients: number;
}

export interface StoreReport extends Header<'store'> {
  readonly rows: readonly StoreRow[];
  readonly faults: readonly StoreFaults[];
}

export type Framework = 'express' | 'koa' | 'fastify';

export interface HttpRow extends Figures {
  readonly framework: Framework;
  readonly database: DatabaseName;
  readonly store: string;
  readonly connections: number;
}

export interface HttpReport extends Header<'http'> {
  readonly rows: readonly HttpRow[];
  readonly faults: readonly StoreFaults[];
}

export interface ScaleRow {
  readonly database: DatabaseName;
  readonly rows: number;
  readonly clients: number;
  /** Milliseconds of one get, the mean. */
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  /** How many times as long as in the smallest table. */
  readonly ratio: number;
}

export interface CollectionRow {
  readonly database: DatabaseName;
  readonly rows: number;
  readonly clients: number;
  readonly deleted: number;
  readonly seconds: number;
  /** Milliseconds within which 99 of 100 gets came back, without the collection and during it. */
  readonly p99Before: number;
  readonly p99During: number;
  /** The longest that any get took, in milliseconds. */
  readonly longest: number;
}

export interface ScaleReport extends Header<'scale'> {
  readonly rows: readonly ScaleRow[];
  readonly collections: readonly CollectionRow[];
  readonly faults: readonly StoreFaults[];
}

export interface MemoryRow {
  readonly database: DatabaseName;
  readonly store: string;
  readonly requests: number;
  readonly seconds: number;
  /** MiB of resident memory: after the first tenth of the requests, at most, and at the end. */
  readonly settled: number;
  readonly highest: number;
  readonly last: number;
  /** MiB of the JavaScript heap that is in use after a collection: after the first tenth, and at the end. */
  readonly heapSettled: number;
  readonly heapLast: number;
  /** MiB of resident memory, sampled at even steps. */
  readonly samples: readonly number[];
}

export interface MemoryReport extends Header<'memory'> {
  readonly rows: readonly MemoryRow[];
  readonly faults: readonly StoreFaults[];
}

export interface SelfRow extends Figures {
  readonly database: DatabaseName;
  readonly variant: string;
  readonly verb: Verb;
  readonly clients: number;
}

export interface SelfReport extends Header<'self'> {
  readonly rows: readonly SelfRow[];
  readonly faults: readonly StoreFaults[];
}

interface Reports {
  store: StoreReport;
  http: HttpReport;
  scale: ScaleReport;
  memory: MemoryReport;
  self: SelfReport;
}

/** The last result of each kind, where there is one. */
export type Results = { readonly [Kind in keyof Reports]?: Reports[Kind] };

export const KINDS = ['store', 'http', 'scale', 'memory', 'self'] as const satisfies readonly (keyof Reports)[];

export function writeText(folder: string, name: string, text: string): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** Writes `<kind>.json`; where to. */
export function writeReport(folder: string, report: Reports[keyof Reports]): string {
  return writeText(folder, `${report.kind}.json`, `${JSON.stringify(report, rounded, 2)}\n`);
}

export function readResults(folder: string): Results {
  const found: Record<string, unknown> = {};
  for (const kind of KINDS) {
    try {
      found[kind] = JSON.parse(readFileSync(join(folder, `${kind}.json`), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return found as Results;
}

/** Five digits say all that a measurement knows. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}
