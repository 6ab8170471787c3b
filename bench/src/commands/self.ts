import { closedAtTheEnd, tableName } from '../cleanup.js';
import type { Database } from '../databases.js';
import { type Flags, isWanted } from '../flags.js';
import { Ledger, messageOf } from '../ledger.js';
import { drive } from '../load.js';
import type { Calls } from '../peer.js';
import { Progress } from '../progress.js';
import type { SelfReport, SelfRow, StoreFaults } from '../results.js';
import { figuresOf, interleaved, runsOf } from '../rounds.js';
import { FIGURES, faultsText, headerOf, print, wantedDatabases } from '../run.js';
import { textTable } from '../table.js';
import { DEFAULT, VARIANTS } from '../variants.js';
import { fill, stepOf, type Verb } from '../verbs.js';

interface Contestant {
  readonly name: string;
  readonly calls: Calls;
  readonly ledger: Ledger;
  close(): Promise<void>;
}

interface Cell {
  readonly verb: Verb;
  readonly clients: number;
}

/** Ours alone: the core's options beside each other, and beside the bare driver. */
export async function benchSelf(flags: Flags): Promise<SelfReport> {
  const { quick, rounds = quick ? 1 : 5, seconds = quick ? 0.1 : 0.5, clients = quick ? [16] : [1, 128] } = flags;
  const { verbs = ['get', 'touch', 'set'] } = flags;
  const sessions = flags.rows?.[0] ?? (quick ? 300 : 10_000);
  const databases = await wantedDatabases(flags);
  const cells: Cell[] = verbs.flatMap((verb) => clients.map((many) => ({ verb, clients: many })));
  const rows: SelfRow[] = [];
  const faults: StoreFaults[] = [];
  for (const database of databases) {
    const contestants = await open(database, flags, sessions);
    const runs = runsOf({ cells: cells.length, contestants: contestants.length, rounds });
    const progress = new Progress(database.label, runs + contestants.length);
    for (const { name, calls, ledger } of contestants) {
      progress.step(`filling ${name}`);
      await fill(name, calls, ledger);
    }
    const results = await interleaved<Cell, Contestant>({
      ...{ cells, contestants, rounds, progress },
      describe: (cell) => `${cell.verb} with ${cell.clients} clients`,
      run: ({ calls, ledger }, cell) =>
        drive({ step: stepOf(cell.verb, calls, ledger), ledger, clients: cell.clients, until: seconds * 1000 }),
    });
    for (const { name, ledger, close } of contestants) {
      faults.push({ at: database.label, store: name, faults: ledger.faults });
      await close();
    }
    progress.end();
    const measured = results.map(({ cell, name, samples }): SelfRow => {
      const plain = results.find((other) => other.cell === cell && other.name === DEFAULT);
      return { database: database.name, variant: name, ...cell, ...figuresOf(samples, plain?.samples ?? []) };
    });
    rows.push(...measured);
    print(`\n${database.label}\n${tableOf(measured)}`);
  }
  const settings = { quick, rounds, seconds, clients, verbs, rows: sessions };
  const header = await headerOf('self', databases, ['@kss/core'], settings);
  for (const database of databases) database.close();
  print(`\n${faultsText(faults)}`);
  return { ...header, rows, faults };
}

async function open(database: Database, flags: Flags, sessions: number): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  for (const [place, { name, open: start }] of VARIANTS.entries()) {
    if (!isWanted(flags, name, DEFAULT)) continue;
    try {
      const { calls, close } = await start(database, tableName('self', place));
      contestants.push({ name, calls, ledger: new Ledger(sessions), close: closedAtTheEnd(close) });
    } catch (error) {
      print(`${name} is skipped: ${messageOf(error)}`);
    }
  }
  return contestants;
}

function tableOf(rows: readonly SelfRow[]): string {
  const columns = FIGURES.map((column) =>
    column.head.endsWith(' is') ? { ...column, head: `${DEFAULT} is` } : column,
  );
  return textTable(
    [
      { head: 'verb', cell: ({ verb }) => verb },
      { head: 'clients', right: true, cell: ({ clients }) => clients },
      { head: 'variant', cell: ({ variant }) => variant },
      ...columns,
    ],
    rows,
  );
}
