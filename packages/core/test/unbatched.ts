import type { Knex } from 'knex';
import { KnexSessionStore as Batching } from '../../core/src/index.js';
import type { FieldShape, StoreOptions } from '../src/types.js';

export * from '../../core/src/index.js';

/** The store with `batch: false` as its default: what the suites get for the door of the core where KSS_TEST_BATCH is `off`. */
export class KnexSessionStore<const F extends readonly FieldShape[] = readonly []> extends Batching<F> {
  constructor(knex?: Knex, options?: StoreOptions<F>) {
    super(knex, unbatched(options));
  }
}

/** What is no record of options, or cannot be looked at, stays as it is, to be refused. */
function unbatched<O extends object>(options: O | undefined): O {
  try {
    if (options !== undefined && Object.prototype.toString.call(options) !== '[object Object]') return options;
    return { batch: false, ...options } as O;
  } catch {
    return options as O;
  }
}
