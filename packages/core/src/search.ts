import type { Knex } from 'knex';
import type { Batch } from './batch.js';
import { criteria, empty, type Narrow } from './criteria.js';
import { KssError } from './errors.js';
import { wrapError } from './executor.js';
import { ALIAS, readKey } from './layout.js';
import { arrange, infoOf, listColumns, listingOf } from './listing.js';
import { refuseUnknown } from './options.js';
import { type Place, queryOn, reachedRows, whereLive } from './place.js';
import { handleOfKey } from './sid.js';
import type { DestroyWhereOptions, FieldShape, FindOptions, SessionInfo } from './types.js';

/** The verbs on the live sessions that criteria mean. */
export class Search {
  readonly #place: Place;
  readonly #batch: Batch;
  readonly #keysOf: (sid: unknown) => string[];
  readonly #report: (error: unknown) => void;

  #settingsChecked = false;

  /** @param keysOf the keys that a row of a sid may have */
  constructor(place: Place, batch: Batch, keysOf: (sid: unknown) => string[], report: (error: unknown) => void) {
    this.#keysOf = keysOf;
    this.#place = place;
    this.#batch = batch;
    this.#report = report;
  }

  async find(where: unknown, options: FindOptions<readonly FieldShape[]>): Promise<SessionInfo[]> {
    const narrow = this.#live(where);
    const listing = listingOf(options, this.#place.layout);
    const columns = listColumns(this.#place, listing.data);
    const rows = await this.#batch.whole(() => {
      const query = queryOn(this.#place).select(this.#place.knex.raw(columns));
      narrow(query);
      return arrange(query, listing, this.#place.layout) as PromiseLike<Record<string, unknown>[]>;
    });
    return rows.map((row) => infoOf(row, this.#place.layout, listing, this.#report));
  }

  async count(where: unknown): Promise<number> {
    const narrow = this.#live(where);
    const rows = await this.#batch.whole(() => {
      const query = queryOn(this.#place).count({ n: '*' });
      narrow(query);
      return query as PromiseLike<{ n: unknown }[]>;
    });
    return Number(rows[0]?.n);
  }

  async destroyWhere(where: unknown, options: DestroyWhereOptions): Promise<number> {
    if (where === 'all') throw empty("is 'all'; to end every session call clear()");
    const narrow = this.#live(where);
    const { except, handle, trx } = checked(options);
    const { sid } = this.#place.layout;
    const spared = except === undefined ? undefined : this.#keysOf(except);
    const meant = () => {
      const query = queryOn(this.#place, trx);
      narrow(query);
      return spared === undefined ? query : query.whereNotIn(sid, spared);
    };
    let tries = 0;
    const end = async (make: () => Knex.QueryBuilder) => {
      const send = () => {
        tries += 1;
        return make().delete() as PromiseLike<unknown>;
      };
      return reachedRows(this.#place, await this.#run(trx, send));
    };
    if (handle === undefined) return end(meant);
    // A handle cannot be turned into a key: it is found among the keys that the criteria select, and nowhere else.
    const { knex, quote } = this.#place;
    const column = knex.raw(`${quote(sid)} as ${quote(ALIAS.sid)}`);
    const rows = await this.#run(trx, () => meant().select(column) as PromiseLike<Record<string, unknown>[]>);
    const keys = rows.map((row) => String(row[ALIAS.sid]));
    const key = keys.find((candidate) => handleOfKey(readKey(candidate)) === handle);
    if (key === undefined) return 0;
    const ended = await end(() => meant().where(sid, key));
    // It was there, and the answer that it is gone was lost.
    return ended === 0 && tries > 1 ? 1 : ended;
  }

  /** In the app's transaction the statement is the app's: on its connection, once, without a deadline of ours. */
  async #run<T>(trx: Knex.Transaction | undefined, make: () => PromiseLike<T>): Promise<T> {
    if (trx === undefined) return this.#batch.whole(make, 'write');
    try {
      // On the transaction's own connection, since the pool may have no other.
      if (!this.#settingsChecked) await this.#place.dialect.checkSettings?.(trx);
      this.#settingsChecked = true;
      return await make();
    } catch (error) {
      throw wrapError(error, this.#place.dialect);
    }
  }

  #live(where: unknown): Narrow {
    const narrow = where === 'all' ? () => {} : criteria(where, this.#place);
    return (query) => {
      whereLive(query, this.#place);
      narrow(query);
    };
  }
}

const OPTION_NAMES = ['except', 'handle', 'trx'];

/** An option that is there and undefined was meant to narrow: without it, everything would end. */
function checked(given: DestroyWhereOptions): DestroyWhereOptions {
  const options = refuseUnknown(given, OPTION_NAMES, 'option of destroyWhere');
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) throw empty(`as option '${name}' is undefined`);
  }
  if (options.handle !== undefined && (typeof options.handle !== 'string' || options.handle === '')) {
    throw empty("as option 'handle' is no handle of a session");
  }
  if (options.trx !== undefined && typeof options.trx !== 'function') {
    throw new KssError('INVALID_OPTION', 'trx must be a transaction of knex.');
  }
  return options;
}
