import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { slot } from '../src/slot.js';

describe('a slot', () => {
  const kinds: Readonly<Record<string, () => object>> = {
    'a plain object': () => ({ a: 1 }),
    'an object without a prototype': () => Object.assign(Object.create(null), { a: 1 }),
    'a frozen object': () => Object.freeze({ a: 1 }),
    'an array': () => [1],
    'a function': () => () => {},
    'an object of a class with private fields': () =>
      new (class {
        readonly #a = 1;
        a = () => this.#a;
      })(),
    'a proxy': () => new Proxy({ a: 1 }, {}),
  };

  it.each(Object.entries(kinds))('hangs a value on %s, and another one later', (_, make) => {
    const [revisions, other] = [slot<number>(), slot<number>()];
    const [object, same] = [make(), make()];
    expect(revisions.get(object)).toBeUndefined();
    revisions.set(object, 1);
    revisions.set(object, 2);
    expect([revisions.get(object), other.get(object), revisions.get(same)]).toStrictEqual([2, undefined, undefined]);
  });

  it('is one object’s: a proxy of it has none, nor has what inherits from it', () => {
    const names = slot<string>();
    const object = {};
    names.set(object, 'a');
    expect([new Proxy(object, {}), Object.create(object)].map((one) => names.get(one))).toStrictEqual([
      undefined,
      undefined,
    ]);
  });

  it('has nothing on what is no object', () => {
    const names = slot<string>();
    expect([null, undefined, 'a', 1, Symbol.iterator].map((one) => names.get(one))).toStrictEqual(
      Array(5).fill(undefined),
    );
  });

  it('keeps what hung on an object that was frozen meanwhile', () => {
    const names = slot<string>();
    const object = {};
    names.set(object, 'a');
    Object.freeze(object);
    names.set(object, 'b');
    expect(names.get(object)).toBe('b');
  });

  it('shows nothing: to keys, JSON, a copy, a clone, an inspection', () => {
    const object = { a: 1 };
    slot<object>().set(object, { secret: true });
    expect(Reflect.ownKeys(object)).toStrictEqual(['a']);
    expect(JSON.stringify(object)).toBe('{"a":1}');
    expect([{ ...object }, structuredClone(object)]).toStrictEqual([{ a: 1 }, { a: 1 }]);
    expect(inspect(object, { showHidden: true })).toBe('{ a: 1 }');
  });
});
