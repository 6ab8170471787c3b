import { DATABASES, type Database, type DatabaseName, openDatabases } from './databases.js';
import type { Flags } from './flags.js';
import { isWanted } from './flags.js';
import { countOf } from './ledger.js';
import { machine, packageVersions, serverVersions } from './machine.js';
import type { Peer } from './peer.js';
import { connectRedis, redisServer } from './peers/connect-redis.js';
import { PEERS } from './peers/index.js';
import { OURS } from './peers/ours.js';
import type { StoreFaults } from './results.js';
import { number, textTable } from './table.js';

/** Says something on stdout: results only, so that they can be redirected. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The databases that were asked for, or those of the default, that answer. What does not is said aloud. */
export async function wantedDatabases(
  { databases, quick }: Flags,
  usual: readonly DatabaseName[] = DATABASES,
): Promise<Database[]> {
  const names = databases ?? (quick ? ['sqlite'] : usual);
  const found = await openDatabases(names, (name, why) => print(`${name} is skipped: ${why}`));
  if (found.length === 0) throw new Error(`None of ${names.join(', ')} answers.`);
  return found;
}

/** The stores that were asked for and can run here. */
export async function wantedPeers(flags: Flags): Promise<readonly Peer[]> {
  const redis = await redisServer();
  if ('absent' in redis) print(`connect-redis is skipped: ${redis.absent}`);
  return PEERS.filter((peer) => isWanted(flags, peer.name, OURS) && (peer !== connectRedis || 'version' in redis));
}

/** What every report says of its run. */
export async function headerOf<Kind extends string>(
  kind: Kind,
  databases: readonly Database[],
  packages: readonly string[],
  settings: Record<string, unknown>,
) {
  return {
    kind,
    date: new Date().toISOString(),
    machine: machine(),
    servers: await serverVersions(databases),
    packages: packageVersions(packages),
    settings,
  };
}

/** The columns that all measurements have. */
export const FIGURES = [
  { head: 'a second', right: true, cell: ({ perSecond }: { perSecond: number }) => number(perSecond) },
  { head: 'p50 ms', right: true, cell: ({ p50 }: { p50: number }) => number(p50) },
  { head: 'p99 ms', right: true, cell: ({ p99 }: { p99: number }) => number(p99) },
  { head: 'CPU µs', right: true, cell: ({ cpu }: { cpu: number }) => number(cpu) },
  { head: `${OURS} is`, right: true, cell: ({ ratio }: { ratio: number }) => `${number(ratio)}x` },
] as const;

/** What stores got wrong, as a table; a sentence where nothing was. */
export function faultsText(all: readonly StoreFaults[]): string {
  const faulty = all.filter(({ faults }) => countOf(faults) > 0);
  if (faulty.length === 0) return 'No store failed, lost a session or gave a wrong one.';
  return textTable(
    [
      { head: 'where', cell: ({ at }) => at },
      { head: 'store', cell: ({ store }) => store },
      { head: 'errors', right: true, cell: ({ faults }) => faults.errors },
      { head: 'lost', right: true, cell: ({ faults }) => faults.lost },
      { head: 'wrong', right: true, cell: ({ faults }) => faults.wrong },
      { head: 'unhandled', right: true, cell: ({ faults }) => faults.unhandled },
      { head: 'hung', right: true, cell: ({ faults }) => faults.hung },
      { head: 'the first', cell: ({ faults }) => (faults.first ?? '').slice(0, 100) },
    ],
    faulty,
  );
}
