import { inspect } from 'node:util';
import { columnTypes, isColumnType } from './column-types.js';
import { KssError } from './errors.js';
import { listOf } from './foreign.js';
import { FOREIGN_LAYOUTS } from './foreign-layouts.js';
import type { BatchOption, Codec, LayoutName, SchemaField, StoreOptions } from './types.js';

type Given = { readonly [K in keyof StoreOptions]?: unknown };
type Optional = 'schemaName' | 'schemas' | 'onError' | 'filename' | 'batch' | 'codec' | 'layout';

/** How calls go together, complete. */
export type BatchLimits = Readonly<Required<BatchOption>>;

/** The options, complete, checked and frozen. */
export type ResolvedOptions = Readonly<Required<Omit<StoreOptions, Optional>>> & {
  readonly schemaName: string | undefined;
  readonly schemas: readonly SchemaField[];
  readonly onError: ((error: Error) => void) | undefined;
  readonly filename: string | undefined;
  readonly batch: BatchLimits | false;
  readonly codec: Codec | undefined;
  readonly layout: LayoutName | undefined;
};

/** The longest delay that a timer takes (Node: "When delay is larger than 2147483647"). */
export const LONGEST_TIMER = 2 ** 31 - 1;

const DEFAULT_BATCH: BatchLimits = Object.freeze({ maxSize: 100, concurrency: 4, prepare: true });
const MOST_TOGETHER = 1000;

const DEFAULTS: ResolvedOptions = Object.freeze({
  tableName: 'sessions',
  schemaName: undefined,
  sidName: 'sid',
  expireAtName: 'expire_at',
  additionalName: 'additional',
  revisionName: 'revision',
  timestamps: false,
  sync: true,
  syncTimeout: 3000,
  gcInterval: 3_600_000,
  gcFrequency: 0,
  maxAge: 86_400_000,
  schemas: [],
  timeout: 10_000,
  touchAfter: 0,
  batch: DEFAULT_BATCH,
  onConflict: 'merge',
  codec: undefined,
  hashSid: false,
  maxSessionBytes: 16_777_216,
  onError: undefined,
  layout: undefined,
  split: false,
  filename: undefined,
});

const ON_CONFLICT: readonly string[] = ['merge', 'overwrite', 'reject'];
const OPTION_NAMES = Object.keys(DEFAULTS) as readonly (keyof ResolvedOptions)[];
const FIELD_NAMES = ['name', 'type', 'args', 'extra', 'from', 'index'] as const;
// Bytes. PostgreSQL cuts a longer name, and two tables would be one (postgresql.org/docs/current/limits.html, "identifier length").
const LONGEST_NAME = 63;
// What knex does not read as a path (`a.b`), an alias (`a as b`), a placeholder or an array access.
const IDENTIFIER = /^[\p{L}_][\p{L}\p{N}_$-]{0,62}$/u;

/**
 * The options with their defaults, checked once.
 *
 * @throws KssError INVALID_OPTION naming the option and what is allowed
 */
export function resolveOptions(given: object = {}): ResolvedOptions {
  if (typeof given !== 'object' || given === null || listOf(given)) throw invalid('The options must be an object.');
  const record = refuseUnknown(given, OPTION_NAMES, 'option');
  const set = Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Given;
  const options = { ...DEFAULTS, ...namesOf(set.layout), ...set } as ResolvedOptions;

  for (const name of ['tableName', 'sidName', 'expireAtName', 'additionalName', 'revisionName'] as const) {
    identifier(name, options[name]);
  }
  if (options.schemaName !== undefined) identifier('schemaName', options.schemaName);
  for (const name of ['timestamps', 'sync', 'hashSid', 'split'] as const) boolean(name, options[name]);
  refuseUnread(options, set);
  duration('syncTimeout', options.syncTimeout, 1, LONGEST_TIMER);
  duration('timeout', options.timeout, 1, LONGEST_TIMER);
  duration('touchAfter', options.touchAfter, 0, Number.POSITIVE_INFINITY);
  duration('gcInterval', options.gcInterval, 0, Number.POSITIVE_INFINITY);
  duration('maxAge', options.maxAge, 1, Number.POSITIVE_INFINITY);
  if (!Number.isInteger(options.gcFrequency) || options.gcFrequency < 0) {
    throw invalid(`gcFrequency must be a whole number of reads, or 0 for never, not ${show(options.gcFrequency)}.`);
  }
  if (options.onError !== undefined && typeof options.onError !== 'function') {
    throw invalid(`onError must be a function of an error, not ${show(options.onError)}.`);
  }
  if (!ON_CONFLICT.includes(options.onConflict)) {
    throw invalid(`onConflict must be 'merge', 'overwrite' or 'reject', not ${show(options.onConflict)}.`);
  }
  if (!Number.isSafeInteger(options.maxSessionBytes) || options.maxSessionBytes < 1) {
    throw invalid(`maxSessionBytes must be a whole number of bytes above 0, not ${show(options.maxSessionBytes)}.`);
  }
  if (options.codec !== undefined && !isCodec(options.codec)) {
    throw invalid('codec must have the functions encode and decode, such as encryption({ keys }).');
  }
  if (options.filename !== undefined && (typeof options.filename !== 'string' || options.filename === '')) {
    throw invalid(`filename must be the path of a SQLite file, not ${show(options.filename)}.`);
  }
  const columns = listOf(options.schemas);
  if (columns === undefined) throw invalid(`schemas must be an array of columns, not ${show(options.schemas)}.`);
  const schemas = Object.freeze(columns.map(resolveField));
  refuseDoubles(options, schemas);
  refuseLost(options.layout, schemas);
  return Object.freeze({ ...options, schemas, batch: resolveBatch(options.batch) });
}

/** The columns of another store's table, as that names them. */
function namesOf(layout: unknown): Partial<ResolvedOptions> {
  if (layout === undefined) return {};
  if (typeof layout !== 'string' || !Object.hasOwn(FOREIGN_LAYOUTS, layout)) {
    throw unknownName(String(layout), Object.keys(FOREIGN_LAYOUTS), 'layout');
  }
  const { sidName, expireAtName, additionalName } = FOREIGN_LAYOUTS[layout as LayoutName];
  return { sidName, expireAtName, additionalName };
}

/** What the other store, beside which ours runs, would not find or not read; and what is about no table of that kind. */
function refuseUnread(options: ResolvedOptions, given: Given): void {
  if (options.layout === undefined) {
    if (options.split) throw invalid('split is for the table of another store: name its layout.');
    return;
  }
  if (given.revisionName !== undefined) throw invalid('revisionName is no option here: the table has no revisions.');
  if (options.codec !== undefined && FOREIGN_LAYOUTS[options.layout].text === 'json') {
    throw invalid(`codec makes text, and ${options.layout} has a column of JSON.`);
  }
  if (options.split) return;
  for (const name of ['hashSid', 'codec'] as const) {
    if (options[name])
      throw invalid(`${name} would hide sessions from ${options.layout}; set split once that is gone.`);
  }
}

/** Columns that alone hold what the other store wrote, and that ours would not read. */
function refuseLost(layout: LayoutName | undefined, schemas: readonly SchemaField[]): void {
  if (layout === undefined || FOREIGN_LAYOUTS[layout].whole) return;
  for (const { name, type, from } of schemas) {
    const alone = `The column '${name}' alone holds what ${layout} wrote there`;
    if (from === name) throw invalid(`${alone}: leave from out, or give a new column another name.`);
    if (type === 'float' && from === undefined) {
      throw invalid(
        `${alone}, and ours keeps a float in the JSON: make it a column of doubles, and declare it as 'double'.`,
      );
    }
  }
}

/** The error for a name that is not among those allowed, with the nearest that is. */
export function unknownName(name: string, allowed: readonly string[], what: string): KssError {
  const nearest = nearestName(name, allowed);
  const hint = nearest === undefined ? `what there is: ${allowed.join(', ') || 'none'}.` : `did you mean ${nearest}?`;
  return invalid(`${name} is no ${what}; ${hint}`);
}

function resolveBatch(given: unknown): BatchLimits | false {
  if (given === false) return false;
  if (typeof given !== 'object' || given === null || listOf(given)) {
    throw invalid(`batch must be false or an object such as { maxSize: 100 }, not ${show(given)}.`);
  }
  const record = refuseUnknown(given, Object.keys(DEFAULT_BATCH), 'key of batch');
  const set = Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
  const limits: BatchLimits = { ...DEFAULT_BATCH, ...set };
  for (const name of ['maxSize', 'concurrency'] as const) {
    const value: unknown = limits[name];
    if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MOST_TOGETHER) continue;
    throw invalid(`batch.${name} must be a whole number from 1 to ${MOST_TOGETHER}, not ${show(value)}.`);
  }
  boolean('batch.prepare', limits.prepare);
  return Object.freeze(limits);
}

function resolveField(given: unknown, at: number): SchemaField {
  if (typeof given !== 'object' || given === null)
    throw invalid(`schemas[${at}] must be an object with name and type.`);
  const field = refuseUnknown(given as SchemaField, FIELD_NAMES, `key of schemas[${at}]`);
  const where = `schemas[${at}]`;
  identifier(`${where}.name`, field.name);
  if (field.name === '__proto__') throw invalid(`${where}.name must not be __proto__.`);
  if (!isColumnType(field.type)) {
    throw invalid(`${where}.type must be one of ${columnTypes.join(', ')}, not ${show(field.type)}.`);
  }
  const args = listOf(field.args);
  if (field.args !== undefined && args === undefined) throw invalid(`${where}.args must be an array.`);
  const allowed = field.type === 'enum' ? listOf(args?.[0]) : [];
  if (!allowed?.every((one) => typeof one === 'string')) {
    throw invalid(`${where} needs the allowed strings: args: [['a', 'b']].`);
  }
  // knex puts them into the statement as they are.
  const bent = allowed.find((one) => /['"\\?\0]|^\s|\s$/.test(one));
  if (bent !== undefined) {
    throw invalid(
      `${where} allows ${show(bent)}; an enum's strings have no quotes, backslashes or question marks, and no spaces at their ends.`,
    );
  }
  if (field.extra !== undefined && typeof field.extra !== 'function')
    throw invalid(`${where}.extra must be a function.`);
  if (field.index !== undefined) boolean(`${where}.index`, field.index);
  const isPath = typeof field.from === 'string' && /^[^.]+(\.[^.]+)*$/.test(field.from);
  if (field.from !== undefined && typeof field.from !== 'function' && !isPath) {
    throw invalid(`${where}.from must be a path such as 'passport.user' or a function of the session.`);
  }
  if (args !== undefined && field.type === 'enum') args[0] = Object.freeze(allowed);
  return Object.freeze({ ...field, ...(args && { args: Object.freeze(args) }) });
}

function refuseDoubles(options: ResolvedOptions, schemas: readonly SchemaField[]): void {
  const names = [options.sidName, options.expireAtName, options.additionalName];
  if (options.layout === undefined) names.push(options.revisionName);
  if (options.timestamps) names.push('created_at', 'updated_at');
  names.push(...schemas.map((field) => field.name));
  const seen = new Set<string>();
  for (const name of names) {
    const folded = name.toLowerCase(); // as most databases compare column names
    if (seen.has(folded)) throw invalid(`Two columns are named ${name}; rename one of them.`);
    seen.add(folded);
  }
}

/**
 * A record of options, copied: what is checked is what is used, whatever the app's own does when it is read.
 *
 * @throws KssError INVALID_OPTION for what is no record of the names allowed
 */
export function refuseUnknown<T extends object>(given: T, allowed: readonly string[], what: string): T {
  if (typeof given !== 'object' || given === null) throw invalid(`${show(given)} is no record of options.`);
  const unknown = readable(() => Object.keys(given), what).find((name) => !allowed.includes(name));
  if (unknown !== undefined) throw unknownName(unknown, allowed, what);
  // Inherited ones, too: one that narrows must not be lost.
  return readable(() => {
    const taken: Partial<T> = {};
    for (const name of allowed as (keyof T & string)[]) if (name in given) taken[name] = given[name];
    return taken as T;
  }, what);
}

function readable<T>(read: () => T, what: string): T {
  try {
    return read();
  } catch (cause) {
    throw new KssError('INVALID_OPTION', `An ${what} cannot be read.`, { cause });
  }
}

function isCodec(value: Partial<Codec>): boolean {
  try {
    return typeof value.encode === 'function' && typeof value.decode === 'function';
  } catch {
    return false;
  }
}

function identifier(name: string, value: unknown): void {
  if (typeof value === 'string' && IDENTIFIER.test(value) && Buffer.byteLength(value) <= LONGEST_NAME) return;
  const hint =
    name === 'tableName' && typeof value === 'string' && value.includes('.') ? ' Name the schema in schemaName.' : '';
  throw invalid(
    `${name} must be 1 to 63 letters, digits, '_', '$' or '-' (and 63 bytes), beginning with a letter or '_', not ${show(value)}.${hint}`,
  );
}

function boolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw invalid(`${name} must be true or false, not ${show(value)}.`);
}

function duration(name: string, value: unknown, least: number, most: number): void {
  if (typeof value === 'number' && value >= least && value <= most) return;
  const upTo = most === Number.POSITIVE_INFINITY ? 'or more' : `to ${most}`;
  throw invalid(`${name} must be a number of milliseconds, ${least} ${upTo}, not ${show(value)}.`);
}

function invalid(message: string): KssError {
  return new KssError('INVALID_OPTION', message);
}

function show(value: unknown): string {
  try {
    return inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY });
  } catch {
    return `a value that cannot be shown (${typeof value})`;
  }
}

function nearestName(name: string, allowed: readonly string[]): string | undefined {
  const folded = fold(name);
  const ranked = allowed
    .map((candidate) => ({ candidate, distance: editDistance(folded, fold(candidate)) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return ranked && ranked.distance <= Math.max(2, folded.length / 3) ? ranked.candidate : undefined;
}

function fold(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
