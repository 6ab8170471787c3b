/** What every program of the process stands on. */
const SHARED: readonly object[] = [
  ...[Object, Array, String, Number, Boolean, Function, Date, RegExp, Map, Set, Promise, Error, Symbol, Buffer],
  ...[Object, Array, String, Number, Boolean, Function, Date, RegExp, Map, Set, Promise, Error, Symbol, Buffer].map(
    ({ prototype }) => prototype as object,
  ),
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  JSON,
  Reflect,
  Math,
];

/** Runs a batch; afterwards no prototype may have changed, and no promise may be left rejected. */
export async function guarded(title: string, batch: () => Promise<void>): Promise<void> {
  const before = SHARED.map(state);
  const left: unknown[] = [];
  const note = (reason: unknown) => left.push(reason);
  process.on('unhandledRejection', note);
  try {
    await batch();
    // A rejection counts as unhandled once the microtasks are done.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.removeListener('unhandledRejection', note);
  }
  if (left.length > 0) throw new Error(`${title}: a promise was rejected and nobody heard`, { cause: left[0] });
  SHARED.forEach((object, i) => {
    if (!isSame(before[i] as State, state(object)))
      throw new Error(`${title}: a shared object was changed, number ${i}`);
  });
}

type State = readonly (readonly [PropertyKey, PropertyDescriptor | undefined])[];

function state(object: object): State {
  return Reflect.ownKeys(object).map((key) => [key, Reflect.getOwnPropertyDescriptor(object, key)]);
}

function isSame(before: State, after: State): boolean {
  if (before.length !== after.length) return false;
  return before.every(([key, one], i) => {
    const [sameKey, other] = after[i] ?? [];
    return key === sameKey && Object.is(one?.value, other?.value) && one?.get === other?.get && one?.set === other?.set;
  });
}
