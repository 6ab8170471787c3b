/** Gives back the object that it is given, so that a subclass puts its private field into that one. */
class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: that is what it is for
    return object;
  }
}

/** A value that hangs on objects which others made, and that nobody else sees. */
export interface Slot<T> {
  /** Nothing hangs on what is no object. */
  get(object: unknown): T | undefined;
  set(object: object, value: T): void;
}

/**
 * What a `WeakMap` is, at a tenth of the cost: the collector looks through a WeakMap's entries again and again, which for an
 * object that lives as long as a request takes longer than to parse it. The value is a private field instead, which no copy
 * takes along, and no other slot shares.
 *
 * @example
 * const seenAt = slot<number>();
 * seenAt.set(session, Date.now());
 */
export function slot<T>(): Slot<T> {
  // Engines differ in whether an object that takes no more properties takes a private field.
  const sealed = new WeakMap<object, T>();
  class Holder extends Given {
    #value: T;

    constructor(object: object, value: T) {
      super(object);
      this.#value = value;
    }

    static get(object: unknown): T | undefined {
      if (!isObject(object)) return undefined;
      return #value in object ? object.#value : sealed.get(object);
    }

    static set(object: object, value: T): void {
      if (#value in object) object.#value = value;
      else if (Object.isExtensible(object)) new Holder(object, value);
      else sealed.set(object, value);
    }
  }
  return Holder;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
