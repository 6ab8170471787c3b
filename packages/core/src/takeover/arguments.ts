import type { Knex } from 'knex';
import { KssError } from '../errors.js';
import { refuseUnknown } from '../options.js';
import type { FieldShape, LayoutName, StoreOptions } from '../types.js';

/** What a `KnexSessionStore` is made with. */
export type StoreArguments<F extends readonly FieldShape[] = readonly []> = readonly [
  knex: Knex | undefined,
  options: StoreOptions<F>,
];

/** Another store's options, in our names; undefined where it was not given and our default is the same. */
type Translated = { readonly [K in keyof StoreOptions]?: StoreOptions[K] | undefined };

/**
 * The arguments of a store on the table of another.
 *
 * @param translated what the other store's options mean
 * @param more options of ours, which count before them where they are given
 */
export function storeArguments<F extends readonly FieldShape[]>(
  knex: Knex | undefined,
  layout: LayoutName,
  translated: Translated,
  more: StoreOptions<F>,
): StoreArguments<F> {
  if (more.layout !== undefined)
    throw new KssError('INVALID_OPTION', 'layout is what this function says; leave it out.');
  const said = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
  return [knex, { ...translated, ...said, layout } as StoreOptions<F>];
}

/**
 * Options of another store, once it is known that all of them are.
 *
 * @throws KssError INVALID_OPTION naming one that it never had
 */
export function known<O extends object>(options: O, names: readonly (keyof O & string)[], store: string): O {
  refuseUnknown(options, names, `option of ${store}`);
  return options;
}

/**
 * The value of an option that has had several names.
 *
 * @throws KssError INVALID_OPTION where two of them say different things
 */
export function spelled<O extends object, K extends keyof O & string>(
  options: O,
  ...names: readonly K[]
): O[K] | undefined {
  const given = names.filter((name) => options[name] !== undefined);
  const [first, ...others] = given;
  const other = others.find((name) => first !== undefined && options[name] !== options[first]);
  if (other === undefined) return first === undefined ? undefined : options[first];
  throw new KssError('INVALID_OPTION', `${first} and ${other} are two names of one option, and they differ.`);
}

/** A function that hears of errors, as the option `onError`. */
export function hears(listener: ((error: Error) => unknown) | null | undefined): StoreOptions['onError'] | undefined {
  return listener == null ? undefined : (error) => void listener(error);
}

/** A lifetime in milliseconds. With 0 a session was over as soon as it was saved; a millisecond is the least that one of ours has. */
export function lifetime(ms: number | undefined): number | undefined {
  return typeof ms === 'number' && ms < 1 ? 1 : ms;
}

/** How long a call waits for the table, in milliseconds. With 0 it did not wait. */
export function patience(ms: number): number {
  return Math.max(ms, 1);
}

/**
 * The milliseconds between two collections of a store whose timer took 0 for as often as it can.
 *
 * @param more options of ours, which count before it
 * @throws KssError INVALID_OPTION for 0 and less
 */
export function collectionInterval(name: string, ms: number, more: Pick<StoreOptions, 'gcInterval'>): number {
  if (!(ms <= 0) || more.gcInterval !== undefined) return ms;
  throw new KssError(
    'INVALID_OPTION',
    `${name}: ${ms} collected expired sessions without a pause, and ours would never collect them: write the milliseconds from one ` +
      'collection to the next, or gcInterval: 0 among the options of ours for none.',
  );
}
