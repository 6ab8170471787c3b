import type { Knex } from 'knex';

/** Keeps watch that a hostile value never gets into the text of a statement. */
export interface Statements {
  /** From now on, only texts that were seen so far may be sent. */
  close(): void;
  /** @throws Error for a statement whose text was not seen before {@link close} */
  holds(): void;
  stop(): void;
}

/** Listens to the statements of a knex. Texts that differ by how many rows or values they are for count as one. */
export function statements(knex: Knex): Statements {
  const seen = new Set<string>();
  const foreign: string[] = [];
  let closed = false;
  const hear = ({ sql }: { readonly sql: string }) => {
    const shape = shapeOf(sql);
    if (!closed) seen.add(shape);
    else if (!seen.has(shape)) foreign.push(sql);
  };
  knex.on('query', hear);
  return {
    close() {
      closed = true;
    },
    holds() {
      if (foreign.length > 0) throw new Error(`A statement of a new form was sent: ${foreign[0]?.slice(0, 2000)}`);
    },
    stop() {
      knex.removeListener('query', hear);
    },
  };
}

/** A statement without its number of rows or values. */
export function shapeOf(sql: string): string {
  return sql
    .replace(/\$\d+/g, '?')
    .replace(/case `?\w+`?(?: when \? then (?:\?|-?\d+))+ end/g, '?') // a value for each row
    .replace(/ limit \d+$/, ' limit ?')
    .replace(/(?:cast\(\? as \w+\)|\?)(?:, (?:cast\(\? as \w+\)|\?))*/g, '?') // a row, or a list
    .replace(/(row)?\(\?\)(?:, (?:row)?\(\?\))+/g, '$1(?)')
    .replace(/( union all select \?)+/g, '');
}
