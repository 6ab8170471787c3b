import { closedAtTheEnd, tableName } from '../cleanup.js';
import type { Database } from '../databases.js';
import type { Flags } from '../flags.js';
import { Ledger } from '../ledger.js';
import { drive } from '../load.js';
import { type Calls, callsOf, type Peer } from '../peer.js';
import { OURS } from '../peers/ours.js';
import { Progress } from '../progress.js';
import type { StoreFaults, StoreReport, StoreRow } from '../results.js';
import { figuresOf, interleaved, runsOf } from '../rounds.js';
import { FIGURES, faultsText, headerOf, print, wantedDatabases, wantedPeers } from '../run.js';
import { textTable } from '../table.js';
import { fill, stepOf, sweep, VERBS, type Verb } from '../verbs.js';

interface Cell {
  readonly verb: Verb;
  readonly clients: number;
}

interface Contestant {
  readonly name: string;
  readonly peer: Peer;
  readonly calls: Calls;
  readonly ledger: Ledger;
  close(): Promise<void>;
}

/** Every store's calls, side by side, on every database. */
export async function benchStores(flags: Flags): Promise<StoreReport> {
  const settings = settingsOf(flags);
  const databases = await wantedDatabases(flags);
  const peers = await wantedPeers(flags);
  const cells = settings.verbs.flatMap((verb) => settings.clients.map((clients) => ({ verb, clients })));
  const rows: StoreRow[] = [];
  const faults: StoreFaults[] = [];
  for (const database of databases) {
    const serving = peers.filter((peer) => peer.serves(database));
    const contestants = await Promise.all(serving.map((peer) => open(peer, database, settings.rows)));
    const { rounds, seconds } = settings;
    const runs = runsOf({ cells: cells.length, contestants: contestants.length, rounds });
    const progress = new Progress(database.label, runs + 2 * contestants.length);
    for (const { name, calls, ledger } of contestants) {
      progress.step(`filling ${name}`);
      await fill(name, calls, ledger);
    }
    const results = await interleaved<Cell, Contestant>({
      ...{ cells, contestants, rounds, progress },
      describe: ({ verb, clients }) => `${verb} with ${clients} clients`,
      run: ({ calls, ledger }, { verb, clients }) =>
        drive({ step: stepOf(verb, calls, ledger), ledger, clients, until: seconds * 1000 }),
    });
    for (const { name, calls, ledger, close } of contestants) {
      progress.step(`reading all of ${name}`);
      await sweep(calls, ledger);
      faults.push({ at: database.label, store: name, faults: ledger.faults });
      await close();
    }
    progress.end();
    const measured = results.map(({ cell, name, samples }): StoreRow => {
      const own = results.find((other) => other.cell === cell && other.name === OURS);
      const sql = peers.some((peer) => peer.name === name && peer.kind === 'sql');
      return { database: database.name, store: name, sql, ...cell, ...figuresOf(samples, own?.samples ?? []) };
    });
    rows.push(...measured);
    print(`\n${database.label}\n${tableOf(measured)}`);
  }
  const packages = peers.map((peer) => peer.package);
  const header = await headerOf('store', databases, packages, settings);
  for (const database of databases) database.close();
  print(`\n${faultsText(faults)}`);
  return { ...header, rows, faults };
}

function settingsOf({ rounds, seconds, clients, verbs, rows, quick }: Flags) {
  return {
    quick,
    rounds: rounds ?? (quick ? 1 : 5),
    seconds: seconds ?? (quick ? 0.05 : 0.5),
    clients: clients ?? (quick ? [1, 16] : [1, 16, 128]),
    verbs: verbs ?? VERBS,
    rows: rows?.[0] ?? (quick ? 300 : 10_000),
  };
}

async function open(peer: Peer, database: Database, rows: number): Promise<Contestant> {
  const { store, close } = await peer.open(database, tableName(peer.name));
  return { name: peer.name, peer, calls: callsOf(store), ledger: new Ledger(rows), close: closedAtTheEnd(close) };
}

function tableOf(rows: readonly StoreRow[]): string {
  return textTable(
    [
      { head: 'verb', cell: ({ verb }) => verb },
      { head: 'clients', right: true, cell: ({ clients }) => clients },
      { head: 'store', cell: ({ store }) => store },
      ...FIGURES,
    ],
    rows,
  );
}
