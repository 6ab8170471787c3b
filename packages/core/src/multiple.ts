import type { BatchStatements, Sql } from './dialect/index.js';
import { ALIAS, readKey } from './layout.js';
import type { Place } from './place.js';
import { type Inputs, noting, type Outputs, type RequestKind, storedRow } from './requests.js';
import type { Send } from './single.js';
import { incarnationOf, randomOf } from './token.js';

/** What requests of one kind come to, each of another key, by one statement for them all. */
export type Multiples = {
  readonly [K in RequestKind]: (inputs: readonly Inputs[K][], at: number) => Promise<Outputs[K][]>;
};

type Row = Record<string, unknown>;
type Tokens = ReadonlyMap<string, number>;

const NO_TOKENS: Tokens = new Map();

export function multiples({ dialect, layout }: Place, batches: BatchStatements, send: Send): Multiples {
  /** The tokens of the rows that a write reached; asked for where its result does not have them. */
  const tokensAfter = async (result: unknown, keys: readonly string[], at: number): Promise<Tokens> =>
    tokensOf(dialect.reached(result) ?? dialect.rows(await send(at, () => batches.tokens(keys, Date.now()))));

  /** The keys of the rows that an update or touch reached; undefined where its result has the rows or does not tell. */
  const keysReached = (
    result: unknown,
    sorted: readonly { readonly key: string }[],
    changed: boolean,
  ): ReadonlySet<string> | undefined => {
    const which = dialect.which?.(result, sorted.length, changed);
    return which && new Set(sorted.filter((_, i) => which[i]).map(keyOf));
  };

  return {
    async read(keys, at) {
      const result = await send(at, () => batches.read(keys, Date.now()));
      const rows = new Map(dialect.rows(result).map((row) => [readKey(row[ALIAS.sid]), row]));
      return keys.map((key) => {
        const row = rows.get(key);
        return row === undefined ? null : storedRow(key, row, layout);
      });
    },
    async upsert(inputs, at) {
      const sorted = sortedByKey(inputs);
      let tries = 0;
      const result = await send(at, () => {
        const now = Date.now();
        tries += 1;
        return written(batches.upsert)(
          sorted.map((input) => ({ ...input, now })),
          now,
        );
      });
      if (layout.revision === undefined) return inputs.map(({ token }) => token);
      // Sent again, it may have found what it had written itself.
      if (tries === 1 && dialect.insertedAll?.(result, inputs.length)) return inputs.map(({ token }) => token);
      const tokens = await tokensAfter(result, sorted.map(keyOf), at);
      return inputs.map(({ key, token }) => {
        const stored = tokens.get(key);
        // Another random part is of another process, which saved the same session after this one.
        return stored === undefined ? token : incarnationOf(stored)[0] + randomOf(token);
      });
    },
    async update(inputs, at) {
      const sorted = sortedByKey(inputs);
      const make = () => {
        const now = Date.now();
        return written(batches.update)(
          sorted.map((input) => ({ ...input, now })),
          now,
        );
      };
      const result = await send(at, make, noting(sorted));
      const there = keysReached(result, sorted, true);
      // What token a row has now is known where the one before is.
      const asked =
        there === undefined ? sorted : sorted.filter((one) => one.known === undefined && there.has(one.key));
      const tokens = asked.length === 0 ? NO_TOKENS : await tokensAfter(result, asked.map(keyOf), at);
      return inputs.map((input) => {
        const stored = tokens.get(input.key);
        if (there !== undefined)
          return there.has(input.key) ? incarnationOf(input.known ?? stored ?? 0)[0] + input.random : null;
        return stored !== undefined && randomOf(stored) === input.random ? stored : null;
      });
    },
    async touch(inputs, at) {
      const sorted = sortedByKey(inputs);
      const result = await send(at, () => written(batches.touch)(sorted, Date.now()));
      const there = keysReached(result, sorted, false) ?? (await tokensAfter(result, sorted.map(keyOf), at));
      return inputs.map(({ key }) => there.has(key));
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

function tokensOf(rows: readonly Row[]): Tokens {
  return new Map(rows.map((row) => [readKey(row[ALIAS.sid]), Number(row[ALIAS.revision])]));
}

function written<A extends unknown[]>(statement: ((...args: A) => Sql) | undefined): (...args: A) => Sql {
  if (statement === undefined) throw new Error('This database has no such statement for many rows.');
  return statement;
}
