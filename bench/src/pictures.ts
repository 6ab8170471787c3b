import { type Chart, drawChart } from './chart.js';
import { DATABASES } from './databases.js';
import { OURS } from './peers/ours.js';
import type { StoreReport, StoreRow } from './results.js';

const COLUMNS = ['get', 'touch', 'set'] as const;

/** The stores' calls at the most clients, as a picture. What has no server at all runs in another league and is left out. */
export function pictureOf(report: StoreReport): string {
  const clients = Math.max(...report.rows.map((row) => row.clients));
  const rows = firstOfReferences(report).filter((row) => row.clients === clients && row.store !== 'MemoryStore');
  const groups = DATABASES.flatMap((database): Chart['groups'] => {
    const here = rows.filter((row) => row.database === database);
    if (here.length === 0) return [];
    const stores = [...new Set(here.map(({ store }) => store))];
    const bars = stores.map((store) => ({
      label: store,
      ours: store === OURS,
      values: COLUMNS.map((verb) => here.find((row) => row.store === store && row.verb === verb)?.perSecond),
    }));
    return [{ title: serverOf(report, database), rows: bars }];
  });
  return drawChart({
    title: `Calls a second with ${clients} clients: more is better`,
    columns: COLUMNS,
    groups,
    note: `${dayOf(report)} · ${machineOf(report)}`,
  });
}

/** Stores that keep nothing in the database ran beside each; they are shown once. */
export function firstOfReferences({ rows }: StoreReport): StoreRow[] {
  const first = DATABASES.find((name) => rows.some(({ database }) => database === name));
  return rows.filter(({ database, sql }) => sql || database === first);
}

export const LABELS = { postgres: 'PostgreSQL', mariadb: 'MariaDB', mysql: 'MySQL', sqlite: 'SQLite' } as const;

/** A database and its version. */
export function serverOf({ servers }: StoreReport, database: keyof typeof LABELS): string {
  const label = LABELS[database];
  return `${label} ${servers[label] ?? ''}`.trim();
}

export function dayOf({ date }: Pick<StoreReport, 'date'>): string {
  return date.slice(0, 10);
}

export function machineOf({ machine }: Pick<StoreReport, 'machine'>): string {
  const { processor, cores, memory, system, node, load } = machine;
  return `${cores} cores of ${processor}, ${memory}, ${system}, Node ${node}, with its databases; load average ${load} before the run`;
}
