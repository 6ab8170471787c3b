import type { DatabaseName } from './databases.js';
import { OURS } from './peers/ours.js';
import type { Results } from './results.js';
import { number, textTable } from './table.js';
import type { Verb } from './verbs.js';

/** One aim, and what was measured. */
export interface Target {
  readonly aim: string;
  /** Undefined where it was not measured. */
  readonly measured: number | undefined;
  readonly met: boolean | undefined;
}

const MANY = 128;
const CONNECTIONS = 64;

/** How many times as fast as each store, at many clients. */
const AT_LEAST: readonly [DatabaseName, string, Partial<Record<Verb, number>>][] = [
  ['postgres', 'connect-session-knex', { get: 12, touch: 8, set: 13 }],
  ['postgres', 'connect-pg-simple', { get: 6, touch: 6, set: 6 }],
  ['postgres', 'connect-redis', { get: 3, touch: 0.9, set: 0.9 }],
  ['mariadb', 'express-mysql-session', { get: 6, touch: 2.5, set: 2.5 }],
  ['sqlite', 'connect-session-knex', { get: 7, touch: 12, set: 10 }],
];

const EXPRESS: readonly [string, number][] = [
  ['MemoryStore', 0.95],
  ['connect-session-knex', 2.8],
];

const VERBS = ['get', 'touch', 'set'] as const;
const DATABASES: readonly DatabaseName[] = ['postgres', 'mariadb', 'mysql', 'sqlite'];

/** Every aim, beside what the results say. */
export function targetsOf(results: Results): Target[] {
  return [...manyClients(results), ...oneClient(results), ...express(results), ...scale(results)];
}

function manyClients({ store }: Results): Target[] {
  return AT_LEAST.flatMap(([database, than, aims]) =>
    VERBS.flatMap((verb) => {
      const least = aims[verb];
      if (least === undefined) return [];
      const row = store?.rows.find(
        (candidate) =>
          candidate.database === database &&
          candidate.store === than &&
          candidate.verb === verb &&
          candidate.clients === MANY,
      );
      return [atLeast(`${database}, ${verb}, ${MANY} clients: as fast as ${than}`, row?.ratio, least)];
    }),
  );
}

function oneClient({ store }: Results): Target[] {
  return DATABASES.flatMap((database) =>
    VERBS.map((verb) => {
      const ratios = (store?.rows ?? [])
        .filter((row) => row.database === database && row.verb === verb && row.clients === 1)
        .filter((row) => row.sql && row.store !== OURS)
        .map(({ ratio }) => ratio);
      const fastest = ratios.length > 0 ? Math.min(...ratios) : undefined;
      return atLeast(`${database}, ${verb}, one client: as fast as the fastest SQL store`, fastest, 1);
    }),
  );
}

function express({ http }: Results): Target[] {
  return EXPRESS.map(([than, least]) => {
    const row = http?.rows.find(
      ({ framework, store, connections }) => framework === 'express' && store === than && connections === CONNECTIONS,
    );
    return atLeast(`Express, ${CONNECTIONS} connections: as fast as ${than}`, row?.ratio, least);
  });
}

function scale({ scale: report }: Results): Target[] {
  return DATABASES.flatMap((database) => {
    const largest = Math.max(0, ...(report?.rows ?? []).map(({ rows }) => rows));
    const ratios = (report?.rows ?? [])
      .filter((row) => row.database === database && row.rows === largest)
      .map(({ ratio }) => ratio);
    const collection = report?.collections.find((row) => row.database === database && row.rows === largest);
    const slowdown = collection && collection.p99During / collection.p99Before;
    return [
      atMost(
        `${database}, get in the largest table: of the time in the smallest`,
        ratios.length > 0 ? Math.max(...ratios) : undefined,
        1.2,
      ),
      atMost(`${database}, p99 of get during gc: of that without`, slowdown, 2),
    ];
  });
}

function atLeast(what: string, measured: number | undefined, least: number): Target {
  return { aim: `${what}, at least ${least}x`, measured, met: measured === undefined ? undefined : measured >= least };
}

function atMost(what: string, measured: number | undefined, most: number): Target {
  return { aim: `${what}, at most ${most}x`, measured, met: measured === undefined ? undefined : measured <= most };
}

export function targetsText(targets: readonly Target[]): string {
  const table = textTable(
    [
      { head: 'target', cell: ({ aim }) => aim },
      {
        head: 'measured',
        right: true,
        cell: ({ measured }) => (measured === undefined ? '-' : `${number(measured)}x`),
      },
      { head: '', cell: ({ met }) => (met === undefined ? 'not measured' : met ? 'met' : 'NOT MET') },
    ],
    targets,
  );
  const how = (met: boolean | undefined) => targets.filter((target) => target.met === met).length;
  return `${table}\n${how(true)} met, ${how(false)} not met, ${how(undefined)} not measured`;
}
