import type { Knex } from 'knex';

/** What a knex sends while it is watched. */
export interface Watch {
  /** The texts of the statements, in their order. */
  readonly sent: string[];
  /** How many were under way at once. */
  most: number;
  /** What was sent since this was asked last. */
  since(): string[];
  stop(): void;
}

type Told = { readonly sql: string; readonly __knexQueryUid: string };

/** Counts the statements of a knex by its own events. */
export function watch(knex: Knex): Watch {
  const sent: string[] = [];
  const open = new Set<string>();
  let read = 0;
  const begins = ({ sql, __knexQueryUid }: Told) => {
    sent.push(sql);
    open.add(__knexQueryUid);
    one.most = Math.max(one.most, open.size);
  };
  const ends = (_: unknown, { __knexQueryUid }: Told) => void open.delete(__knexQueryUid);
  const one: Watch = {
    sent,
    most: 0,
    since() {
      const fresh = sent.slice(read);
      read = sent.length;
      return fresh;
    },
    stop() {
      knex.removeListener('query', begins);
      knex.removeListener('query-response', ends);
      knex.removeListener('query-error', ends);
    },
  };
  knex.on('query', begins);
  knex.on('query-response', ends);
  knex.on('query-error', ends);
  return one;
}
