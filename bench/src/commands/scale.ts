import type { KnexSessionStore } from '@kss/core';
import { closedAtTheEnd, tableName } from '../cleanup.js';
import type { Database } from '../databases.js';
import type { Flags } from '../flags.js';
import { Ledger } from '../ledger.js';
import { drive } from '../load.js';
import { openCore } from '../peers/ours.js';
import { Progress } from '../progress.js';
import type { CollectionRow, ScaleReport, ScaleRow, StoreFaults } from '../results.js';
import { figuresOf, interleaved, runsOf } from '../rounds.js';
import { faultsText, headerOf, print, wantedDatabases } from '../run.js';
import { contentOf, freshCookie, LIFETIME, sidOf } from '../sessions.js';
import { count, number, textTable } from '../table.js';

interface Table {
  readonly name: string;
  readonly rows: number;
  readonly core: KnexSessionStore;
  readonly ledger: Ledger;
  close(): Promise<void>;
}

/** Reads in small and in large tables, half of whose sessions have expired, and then while gc deletes that half. */
export async function benchScale(flags: Flags): Promise<ScaleReport> {
  const { quick, rounds = quick ? 1 : 5, seconds = quick ? 0.1 : 1 } = flags;
  const sizes = flags.rows ?? (quick ? [200, 2000] : [10_000, 100_000, 1_000_000]);
  const clients = flags.clients ?? (quick ? [4] : [1, 16]);
  const databases = await wantedDatabases(flags);
  const rows: ScaleRow[] = [];
  const collections: CollectionRow[] = [];
  const faults: StoreFaults[] = [];
  for (const database of databases) {
    const runs = runsOf({ cells: clients.length, contestants: sizes.length, rounds });
    const progress = new Progress(database.label, runs + 2 * sizes.length);
    const contestants: Table[] = [];
    for (const size of sizes) {
      progress.step(`filling ${count(size)} rows`);
      contestants.push(await openTable(database, size));
    }
    const results = await interleaved<number, Table>({
      ...{ cells: clients, contestants, rounds, progress },
      describe: (readers) => `get with ${readers} clients`,
      run: (table, readers) => drive({ ...reads(table, readers), until: seconds * 1000 }),
    });
    for (const { cell, name, samples } of results) {
      const smallest = results.find((other) => other.cell === cell)?.samples ?? [];
      const { perSecond, p50, p99, ratio } = figuresOf(samples, smallest);
      const size = contestants.find((table) => table.name === name)?.rows ?? 0;
      rows.push({
        database: database.name,
        rows: size,
        clients: cell,
        mean: (cell / perSecond) * 1000,
        p50,
        p99,
        ratio,
      });
    }
    for (const table of contestants) {
      progress.step(`collecting, ${table.name}`);
      collections.push(await collect(database, table, clients.at(-1) ?? 1, seconds * 4000));
      faults.push({ at: database.label, store: table.name, faults: table.ledger.faults });
      await table.close();
    }
    progress.end();
    print(`\n${database.label}\n${readsText(rows, database)}\n\n${collectionsText(collections, database)}`);
  }
  const settings = { quick, rounds, seconds, rows: sizes, clients };
  const header = await headerOf('scale', databases, ['@kss/core'], settings);
  for (const database of databases) database.close();
  print(`\n${faultsText(faults)}`);
  return { ...header, rows, collections, faults };
}

function reads({ core, ledger }: Table, clients: number) {
  // What the store gives is a session that was saved with a cookie.
  const get = core.get.bind(core) as (sid: string) => Promise<ReturnType<Ledger['current']> | null>;
  return { clients, ledger, step: async (index: number) => ledger.check(index, await get(sidOf(index))) };
}

const ROWS_PER_INSERT = 400; // SQLite takes no more than 500 where knex writes them as a compound select

/** A table of so many rows, every other one of which has expired. */
async function openTable(database: Database, rows: number): Promise<Table> {
  const name = tableName(rows);
  const { core, close } = await openCore(database, name);
  const closeOnce = closedAtTheEnd(close);
  const live = Math.ceil(rows / 2);
  // In the order of their ids, as a table is filled fastest; to a read the order is as good as none.
  const order = Array.from({ length: rows }, (_, index) => index).sort((a, b) => (sidOf(a) < sidOf(b) ? -1 : 1));
  for (let first = 0; first < rows; first += ROWS_PER_INSERT) {
    const now = Date.now();
    const chunk = order.slice(first, first + ROWS_PER_INSERT).map((index) => ({
      sid: sidOf(index),
      expire_at: index < live ? now + LIFETIME : now - 1000,
      additional: JSON.stringify({ cookie: freshCookie(), ...contentOf(index, 0) }),
    }));
    await core.repo().insert(chunk);
  }
  await settled(database, name);
  return { name: `${count(rows)} rows`, rows, core, ledger: new Ledger(live), close: closeOnce };
}

/** What a server does by itself some minutes after such a load, lest it do so in the middle of a run. */
async function settled(database: Database, table: string): Promise<void> {
  const statements = {
    postgres: 'vacuum analyze ??',
    mariadb: 'analyze table ??',
    mysql: 'analyze table ??',
    sqlite: 'analyze ??',
  };
  const knex = database.knex(table);
  await knex.raw(statements[database.name], [table]);
  await knex.destroy();
}

async function collect(database: Database, table: Table, clients: number, before: number): Promise<CollectionRow> {
  const quiet = await drive({ ...reads(table, clients), until: before });
  const began = performance.now();
  const collecting = table.core.gc();
  const busy = await drive({ ...reads(table, clients), until: collecting });
  return {
    database: database.name,
    rows: table.rows,
    clients,
    deleted: await collecting,
    seconds: (performance.now() - began) / 1000,
    p99Before: quiet.p99,
    p99During: busy.p99,
    longest: busy.longest,
  };
}

function readsText(rows: readonly ScaleRow[], { name }: Database): string {
  return textTable(
    [
      { head: 'rows', right: true, cell: (row) => count(row.rows) },
      { head: 'clients', right: true, cell: ({ clients }) => clients },
      { head: 'mean ms', right: true, cell: ({ mean }) => number(mean) },
      { head: 'p50 ms', right: true, cell: ({ p50 }) => number(p50) },
      { head: 'p99 ms', right: true, cell: ({ p99 }) => number(p99) },
      { head: 'against the smallest', right: true, cell: ({ ratio }) => `${number(ratio)}x` },
    ],
    rows.filter(({ database }) => database === name),
  );
}

function collectionsText(rows: readonly CollectionRow[], { name }: Database): string {
  return textTable(
    [
      { head: 'rows', right: true, cell: (row) => count(row.rows) },
      { head: 'deleted', right: true, cell: ({ deleted }) => count(deleted) },
      { head: 'in s', right: true, cell: ({ seconds }) => number(seconds) },
      { head: 'p99 of reads before, ms', right: true, cell: ({ p99Before }) => number(p99Before) },
      { head: 'meanwhile', right: true, cell: ({ p99During }) => number(p99During) },
      { head: 'the longest', right: true, cell: ({ longest }) => number(longest) },
    ],
    rows.filter(({ database }) => database === name),
  );
}
