import type { BatchStatements, Sql } from './dialect/index.js';
import { ALIAS } from './layout.js';
import type { Place } from './place.js';
import { type Inputs, type Outputs, type RequestKind, storedRow } from './requests.js';
import type { Send } from './single.js';
import { incarnationOf, randomOf } from './token.js';

/** What requests of one kind come to, each of another key, by one statement for them all. */
export type Multiples = {
  readonly [K in RequestKind]: (inputs: readonly Inputs[K][], at: number) => Promise<Outputs[K][]>;
};

type Row = Record<string, unknown>;
type Tokens = ReadonlyMap<string, number>;

export function multiples({ dialect, layout }: Place, batches: BatchStatements, send: Send): Multiples {
  /** The tokens of the rows that a write reached, `'all'` where it reached all; asked for where the result does not tell. */
  const reached = async (
    result: unknown,
    keys: readonly string[],
    at: number,
    told = true,
  ): Promise<Tokens | 'all'> => {
    const rows = dialect.reached(result, keys.length);
    if (rows === 'all' && told) return rows;
    if (rows !== undefined && rows !== 'all') return tokensOf(rows);
    return tokensOf(dialect.rows(await send(at, () => batches.tokens(keys, Date.now()))));
  };
  return {
    async read(keys, at) {
      const result = await send(at, () => batches.read(keys, Date.now()));
      const rows = new Map(dialect.rows(result).map((row) => [keyIn(row), row]));
      return keys.map((key) => {
        const row = rows.get(key);
        return row === undefined ? null : storedRow(key, row, layout);
      });
    },
    async upsert(inputs, at) {
      const sorted = sortedByKey(inputs);
      const result = await send(at, () => {
        const now = Date.now();
        return written(batches.upsert)(
          sorted.map((input) => ({ ...input, now })),
          now,
        );
      });
      const tokens = await reached(result, sorted.map(keyOf), at);
      return inputs.map(({ key, token }) => {
        const stored = tokens === 'all' ? token : tokens.get(key);
        // Another random part is of another process, which wrote after this one.
        return stored !== undefined && randomOf(stored) === randomOf(token) ? stored : token;
      });
    },
    async update(inputs, at) {
      const sorted = sortedByKey(inputs);
      const result = await send(at, () => {
        const now = Date.now();
        return written(batches.update)(
          sorted.map((input) => ({ ...input, now })),
          now,
        );
      });
      // That all were reached says which token each has now only where the one before is known.
      const known = inputs.every((input) => input.known !== undefined);
      const tokens = await reached(result, sorted.map(keyOf), at, known);
      return inputs.map((input) => {
        if (tokens === 'all') return incarnationOf(input.known ?? 0)[0] + input.random;
        const stored = tokens.get(input.key);
        if (stored === undefined) return null;
        const [lowest, highest] = incarnationOf(stored);
        if (randomOf(stored) === input.random)
          return highest >= input.lowest && lowest <= input.highest ? stored : null;
        // A session of the incarnation that was asked for lived then, too: another process has written it since.
        return lowest === input.lowest && highest === input.highest ? lowest + input.random : null;
      });
    },
    async touch(inputs, at) {
      const sorted = sortedByKey(inputs);
      const result = await send(at, () => written(batches.touch)(sorted, Date.now()));
      const tokens = await reached(result, sorted.map(keyOf), at);
      return inputs.map(({ key }) => tokens === 'all' || tokens.has(key));
    },
    async remove(keys, at) {
      const sorted = keys.toSorted();
      await send(at, () => written(batches.remove)(sorted));
      return keys.map(() => undefined);
    },
  };
}

/** In one order in all processes, so that two of them do not wait for each other's rows. */
function sortedByKey<I extends { readonly key: string }>(inputs: readonly I[]): I[] {
  return inputs.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

function keyOf({ key }: { readonly key: string }): string {
  return key;
}

/** A column of fixed width pads what it holds, and no key ends with a space. */
function keyIn(row: Row): string {
  return String(row[ALIAS.sid]).trimEnd();
}

function tokensOf(rows: readonly Row[]): Tokens {
  return new Map(rows.map((row) => [keyIn(row), Number(row[ALIAS.revision])]));
}

function written<A extends unknown[]>(statement: ((...args: A) => Sql) | undefined): (...args: A) => Sql {
  if (statement === undefined) throw new Error('This database has no such statement for many rows.');
  return statement;
}
