import { closedAtTheEnd, tableName } from '../cleanup.js';
import type { Database } from '../databases.js';
import type { Flags } from '../flags.js';
import { type Child, startChild } from '../http/child.js';
import { shoot, Visitors } from '../http/shoot.js';
import type { Peer } from '../peer.js';
import { OURS } from '../peers/ours.js';
import { Progress } from '../progress.js';
import type { Framework, HttpReport, HttpRow, StoreFaults } from '../results.js';
import { figuresOf, interleaved, runsOf } from '../rounds.js';
import { FIGURES, faultsText, headerOf, print, wantedDatabases, wantedPeers } from '../run.js';
import { textTable } from '../table.js';

const FRAMEWORKS: readonly Framework[] = ['express', 'koa', 'fastify'];

interface Contestant {
  readonly name: string;
  readonly child: Child;
  readonly visitors: readonly Visitors[];
  close(): Promise<void>;
}

/** Requests to apps behind the frameworks: each app in a process of its own, the load from this one. */
export async function benchHttp(flags: Flags): Promise<HttpReport> {
  const { quick, rounds = quick ? 1 : 5, seconds = quick ? 0.5 : 2, clients = quick ? [8] : [64] } = flags;
  const databases = await wantedDatabases(flags, ['postgres']);
  const peers = await wantedPeers(flags);
  const rows: HttpRow[] = [];
  const faults: StoreFaults[] = [];
  for (const database of databases) {
    for (const framework of FRAMEWORKS) {
      const serving = peers.filter((peer) => peer.serves(database));
      const at = `${framework}, ${database.label}`;
      const runs = runsOf({ cells: clients.length, contestants: serving.length, rounds });
      const progress = new Progress(at, runs + serving.length);
      const contestants: Contestant[] = [];
      for (const peer of serving) {
        progress.step(`starting ${peer.name}`);
        contestants.push(await start(framework, peer, database, clients));
      }
      const results = await interleaved({
        ...{ cells: clients, contestants, rounds, progress },
        describe: (connections) => `${connections} connections`,
        run: ({ child, visitors }, connections) =>
          shoot(child, visitors[clients.indexOf(connections)] as Visitors, connections, seconds),
      });
      for (const { name, visitors, close } of contestants) {
        faults.push(...visitors.map((group) => ({ at, store: name, faults: group.faults })));
        await close();
      }
      progress.end();
      const measured = results.map(({ cell, name, samples }): HttpRow => {
        const own = results.find((other) => other.cell === cell && other.name === OURS);
        const figures = figuresOf(samples, own?.samples ?? []);
        return { framework, database: database.name, store: name, connections: cell, ...figures };
      });
      rows.push(...measured);
      print(`\n${at}\n${tableOf(measured)}`);
    }
  }
  const packages = ['express', 'koa', 'koa-generic-session', 'fastify', '@fastify/session', 'autocannon'];
  const settings = { quick, rounds, seconds, connections: clients };
  const stores = peers.map((peer) => peer.package);
  const header = await headerOf('http', databases, [...packages, ...stores], settings);
  for (const database of databases) database.close();
  print(`\n${faultsText(faults)}`);
  return { ...header, rows, faults };
}

async function start(
  framework: Framework,
  peer: Peer,
  database: Database,
  connections: readonly number[],
): Promise<Contestant> {
  const child = await startChild({
    framework,
    peer: peer.name,
    database: database.name,
    folder: database.url,
    table: tableName(framework, peer.name),
  });
  const close = closedAtTheEnd(() => child.close());
  const visitors: Visitors[] = [];
  for (const count of connections) visitors.push(await Visitors.signIn(child.port, count));
  return { name: peer.name, child, visitors, close };
}

function tableOf(rows: readonly HttpRow[]): string {
  return textTable(
    [
      { head: 'connections', right: true, cell: ({ connections }) => connections },
      { head: 'store', cell: ({ store }) => store },
      ...FIGURES,
    ],
    rows,
  );
}
