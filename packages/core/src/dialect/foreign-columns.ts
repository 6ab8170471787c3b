import type { Layout } from '../layout.js';
import { cockroach } from './cockroach.js';
import { givenZoneless } from './columns.js';
import type { Dialect } from './dialect.js';
import { mysql } from './mysql.js';
import { postgres } from './postgres.js';
import { sqlite } from './sqlite.js';

/** Where there is what the tables of some stores need. */
const HOMES: Readonly<Record<'unsigned' | 'wallClock', readonly Dialect[]>> = {
  unsigned: [mysql],
  wallClock: [postgres, cockroach],
};

/**
 * Why the columns of another store cannot be read as that wrote them, and what to do; undefined where they can.
 *
 * Nothing in such a column tells it: the values are there, and mean something else.
 */
export function foreignDefect(dialect: Dialect, layout: Layout): string | undefined {
  const { foreign, fields } = layout;
  if (foreign === undefined) return undefined;
  if (foreign.needs !== undefined && !HOMES[foreign.needs].includes(dialect))
    return `${foreign.name} makes no tables in ${dialect.name}: this one is of another store.`;
  if (foreign.spacedText && dialect === sqlite) {
    return (
      `${foreign.name} writes instants into ${dialect.name} that do not compare with ours, so that sessions of the day would ` +
      'be judged wrongly: make a table of ours, and let its sessions begin anew.'
    );
  }
  if (foreign.whole) return undefined;
  const local = fields.find(
    ({ type, args, derived }) =>
      (type === 'datetime' || type === 'timestamp') &&
      !derived &&
      (dialect === mysql || ((dialect === postgres || dialect === cockroach) && givenZoneless(args))),
  );
  return (
    local &&
    `${foreign.name} wrote the wall clock of Node's time zone into the column '${local.name}', and ours would read it as UTC: ` +
      "add a column of the type 'bigInteger', fill it with epoch milliseconds, and declare that one instead."
  );
}
