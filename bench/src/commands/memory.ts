import { closedAtTheEnd, tableName } from '../cleanup.js';
import type { Database } from '../databases.js';
import type { Flags } from '../flags.js';
import { Ledger } from '../ledger.js';
import { blameFrom, collectGarbage } from '../load.js';
import { callsOf, type Opened, type Peer, promised } from '../peer.js';
import { OURS } from '../peers/ours.js';
import { Progress } from '../progress.js';
import type { MemoryReport, MemoryRow, StoreFaults } from '../results.js';
import { faultsText, headerOf, print, wantedDatabases, wantedPeers } from '../run.js';
import { sidOf } from '../sessions.js';
import { count, number, textTable } from '../table.js';
import { fill, stepOf } from '../verbs.js';

const CLIENTS = 16;
/** Of the requests, how many end a session and begin another under a new id. */
const CHURN = 0.02;
const SAMPLES = 60;
const SESSIONS = 2000;
const MIB = 2 ** 20;

/** Requests as fast as they go, as many as an app of a hundred a second has in an hour, and the memory meanwhile. */
export async function benchMemory(flags: Flags): Promise<MemoryReport> {
  const requests = flags.rows?.[0] ?? (flags.quick ? 2000 : 360_000);
  const databases = await wantedDatabases(flags, ['postgres', 'sqlite']);
  const peers = (await wantedPeers(flags)).filter(({ name }) => flags.only !== undefined || name === OURS);
  const rows: MemoryRow[] = [];
  const faults: StoreFaults[] = [];
  for (const database of databases) {
    for (const peer of peers.filter((candidate) => candidate.serves(database))) {
      const opened = await peer.open(database, tableName('memory'));
      const close = closedAtTheEnd(opened.close);
      const ledger = new Ledger(SESSIONS);
      const progress = new Progress(`${database.label}, ${peer.name}`, SAMPLES);
      rows.push(await load(database, peer, opened, ledger, requests, progress));
      faults.push({ at: database.label, store: peer.name, faults: ledger.faults });
      await close();
      progress.end();
    }
  }
  const settings = { quick: flags.quick, requests, clients: CLIENTS, sessions: SESSIONS, churn: CHURN };
  const header = await headerOf(
    'memory',
    databases,
    peers.map((peer) => peer.package),
    settings,
  );
  for (const database of databases) database.close();
  print(`\n${tableOf(rows)}\n\n${faultsText(faults)}`);
  return { ...header, rows, faults };
}

async function load(
  database: Database,
  peer: Peer,
  { store }: Opened,
  ledger: Ledger,
  requests: number,
  progress: Progress,
): Promise<MemoryRow> {
  const calls = callsOf(store);
  const request = stepOf('mix', calls, ledger);
  blameFrom(ledger);
  await fill(peer.name, calls, ledger);
  const samples: number[] = [];
  let begun = 0;
  let heapSettled = 0;
  const began = performance.now();

  async function visit(index: number): Promise<void> {
    if (Math.random() >= CHURN) return request(index);
    const stranger = sidOf(ledger.rows + begun);
    await calls.set(stranger, ledger.current(index));
    await promised<void>((done) => store.destroy(stranger, done));
  }

  async function client(own: number): Promise<void> {
    while (begun < requests) {
      const number = begun++;
      if (number % Math.ceil(requests / SAMPLES) === 0) {
        progress.step(`request ${count(number)}`);
        if (samples.length === SAMPLES / 10) heapSettled = heap();
        samples.push(process.memoryUsage.rss() / MIB);
      }
      const index = own + CLIENTS * Math.floor((Math.random() * ledger.rows) / CLIENTS);
      await visit(index).catch((error) => ledger.fail(error));
    }
  }

  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
  const seconds = (performance.now() - began) / 1000;
  samples.push(process.memoryUsage.rss() / MIB);
  return {
    database: database.name,
    store: peer.name,
    ...{ requests, seconds },
    settled: samples[SAMPLES / 10] ?? 0,
    highest: Math.max(...samples),
    last: samples.at(-1) ?? 0,
    heapSettled,
    heapLast: heap(),
    samples: samples.map((value) => Math.round(value * 10) / 10),
  };
}

function heap(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed / MIB;
}

function tableOf(rows: readonly MemoryRow[]): string {
  return textTable(
    [
      { head: 'database', cell: ({ database }) => database },
      { head: 'store', cell: ({ store }) => store },
      { head: 'requests', right: true, cell: ({ requests }) => count(requests) },
      { head: 'in s', right: true, cell: ({ seconds }) => number(seconds) },
      { head: 'resident MiB after a tenth', right: true, cell: ({ settled }) => number(settled) },
      { head: 'highest', right: true, cell: ({ highest }) => number(highest) },
      { head: 'at the end', right: true, cell: ({ last }) => number(last) },
      { head: 'heap MiB after a tenth', right: true, cell: ({ heapSettled }) => number(heapSettled) },
      { head: 'at the end', right: true, cell: ({ heapLast }) => number(heapLast) },
    ],
    rows,
  );
}
