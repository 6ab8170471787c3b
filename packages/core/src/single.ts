import type { Sql, Statements } from './dialect/index.js';
import type { KssError } from './errors.js';
import { ALIAS, changedValues, guardValues, liveBindings, readKey, rowValues, touchedValues } from './layout.js';
import type { Place } from './place.js';
import { type Inputs, noting, type Outputs, type RequestKind, type StoredRow, storedRow } from './requests.js';

/** Sends a statement before a deadline on the monotonic clock; it is made anew for each try, and `broke` is told why. */
export type Send = (at: number, make: () => Sql, broke?: (error: KssError) => void) => Promise<unknown>;

/** What each request comes to, by a plain statement for its one row. */
export type Singles = { readonly [K in RequestKind]: (input: Inputs[K], at: number) => Promise<Outputs[K]> };

export function singles({ dialect, layout }: Place, statements: Statements, send: Send): Singles {
  const read = async (key: string, at: number): Promise<StoredRow | null> => {
    const result = await send(at, () => ({ sql: statements.read, bindings: [key, Date.now()] }));
    const row = dialect.rows(result)[0];
    const isThis = row !== undefined && (layout.foreign === undefined || readKey(row[ALIAS.sid]) === key);
    return isThis ? storedRow(key, row, layout) : null;
  };
  return {
    read,
    async upsert(input, at) {
      const result = await send(at, () => {
        const now = Date.now();
        return {
          sql: statements.upsert,
          bindings: [...rowValues(layout, { ...input, now }), ...liveBindings(layout, now)],
        };
      });
      return dialect.upsertedToken(result, input.token);
    },
    async update(input, at) {
      const make = () => {
        const now = Date.now();
        const changed = changedValues(layout, { ...input, now });
        const sql = (input.expected === null ? statements.updateAny : undefined) ?? statements.update;
        return { sql, bindings: [...changed, ...guardValues(layout, { ...input, now })] };
      };
      const result = await send(at, make, noting([input]));
      const token = dialect.updatedToken(result);
      if (token === undefined) return null;
      return layout.revision === undefined ? input.token : token;
    },
    async touch({ key, expireAt }, at) {
      const result = await send(at, () => {
        const now = Date.now();
        return { sql: statements.touch, bindings: [...touchedValues(layout, expireAt, now), key, now] };
      });
      if (dialect.affected(result) > 0) return true;
      // The row may be there with this very expiry.
      return dialect.countsMatched ? false : (await read(key, at)) !== null;
    },
    async remove(key, at) {
      await send(at, () => ({ sql: statements.remove, bindings: [key] }));
      return undefined;
    },
  };
}
