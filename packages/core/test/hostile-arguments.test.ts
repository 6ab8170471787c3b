import { describeDatabases } from '@kss/test-kit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { settle } from '../src/adapter.js';
import { KnexSessionStore } from '../src/index.js';
import { failure } from './failure.js';

const fail = () => {
  throw new Error('of the value itself');
};
const failing = (trap: keyof ProxyHandler<object>) => new Proxy({}, { [trap]: fail });
const revoked = (target: object) => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};
const noDate = () => Object.create(Date.prototype) as unknown;

describeDatabases(
  'an argument that fails when it is looked at',
  (_, knex) => {
    let store: KnexSessionStore<[{ name: 'user_id'; type: 'string' }]>;

    beforeAll(() => {
      store = new KnexSessionStore(knex(), {
        gcInterval: 0,
        tableName: 'kss_hostile_arguments',
        schemas: [{ name: 'user_id', type: 'string' }],
      });
    });
    beforeEach(async () => {
      await store.clear();
      await store.set('a', { n: 1 });
    });
    afterAll(async () => {
      await store.close();
      await knex().schema.dropTableIfExists('kss_hostile_arguments');
    });

    it('is no sid', async () => {
      for (const sid of [revoked({}), revoked([]), revoked(() => {}), failing('get')]) {
        await expect(store.get(sid as never)).rejects.toEqual(failure('INVALID_SID'));
      }
    });

    it.each<[string, () => object]>([
      ['a toJSON that gives what has one in turn, which gives nothing', () => ({ toJSON: () => ({ toJSON() {} }) })],
      ['a toJSON that gives what has one in turn, for text', () => ({ toJSON: () => ({ toJSON: () => 'x' }) })],
      ['a toJSON that gives what has one in turn, for a list', () => ({ toJSON: () => ({ toJSON: () => [] }) })],
      ['a toJSON that gives a revoked list', () => ({ toJSON: () => revoked([]) })],
      ['a revoked object', () => revoked({})],
      ['a proxy whose keys fail', () => failing('ownKeys')],
      ['a cookie that fails behind a toJSON', () => ({ cookie: failing('get'), toJSON: () => ({ n: 2 }) })],
      [
        'a getter of the cookie that fails behind a toJSON',
        () => Object.defineProperty({ toJSON: () => ({}) }, 'cookie', { get: fail }),
      ],
      [
        'an expiry that is no date behind a toJSON',
        () => ({ cookie: { expires: noDate() }, toJSON: () => ({ n: 2 }) }),
      ],
      [
        'a toJSON that fails at its second call',
        () => {
          let calls = 0;
          const session = { toJSON: () => (calls++ === 0 ? session : fail()) };
          return session;
        },
      ],
    ])('is no session, and the stored one stays: %s', async (_, make) => {
      await expect(store.set('a', make())).rejects.toEqual(failure('UNSERIALIZABLE'));
      await expect(store.update('a', make())).rejects.toEqual(failure('UNSERIALIZABLE'));
      expect(await store.get('a')).toStrictEqual({ n: 1 });
    });

    it.each<[string, () => object]>([
      ['a proxy', () => failing('get')],
      ['a revoked one', () => revoked({})],
      ['an expiry that is no date', () => ({ expires: noDate() })],
      ['what JSON cannot hold', () => ({ a: 1n })],
    ])('is no cookie: %s', async (_, make) => {
      await expect(store.touch('a', undefined, make())).rejects.toEqual(failure('UNSERIALIZABLE'));
      expect(await store.get('a')).toStrictEqual({ n: 1 });
    });

    it.each<[string, (options: never) => Promise<unknown>]>([
      ['load', (options) => store.load('a', options)],
      ['update', (options) => store.update('a', {}, options)],
      ['find', (options) => store.find('all', options)],
      ['destroyWhere', (options) => store.destroyWhere({ user_id: 'a' }, options)],
    ])('is no options of %s', async (verb, call) => {
      const name = { load: 'unreadable', update: 'maxAge', find: 'limit' }[verb] ?? 'handle';
      const getter = Object.defineProperty({}, name, { enumerable: true, get: fail });
      for (const options of [failing('ownKeys'), revoked({}), getter]) {
        await expect(call(options as never)).rejects.toEqual(failure('INVALID_OPTION'));
      }
      expect(await store.get('a')).toStrictEqual({ n: 1 });
    });

    it('is no criteria', async () => {
      const getter = Object.defineProperty({}, 'user_id', { enumerable: true, get: fail });
      for (const where of [failing('ownKeys'), revoked({}), getter]) {
        await expect(store.count(where as never)).rejects.toEqual(failure('INVALID_OPTION', 'criteria'));
        await expect(store.destroyWhere(where as never)).rejects.toEqual(failure('INVALID_OPTION', 'criteria'));
      }
      for (const user_id of [revoked([]), new Proxy(['a'], { get: fail }), failing('get'), noDate()]) {
        await expect(store.count({ user_id } as never)).rejects.toEqual(failure('COLUMN_VALUE', 'user_id'));
        await expect(store.destroyWhere({ user_id } as never)).rejects.toEqual(failure('COLUMN_VALUE', 'user_id'));
      }
      expect(await store.get('a')).toStrictEqual({ n: 1 });
    });

    it('is no column to order by', async () => {
      const changing = { toString: fail };
      for (const column of [
        changing,
        { toString: () => 'user_id' },
        Symbol('user_id'),
        ['user_id'],
        '__proto__',
        null,
      ]) {
        await expect(store.find('all', { orderBy: { column: column as never } })).rejects.toEqual(
          failure('INVALID_OPTION', 'column to order by'),
        );
      }
      await expect(store.find('all', { orderBy: failing('ownKeys') as never })).rejects.toEqual(
        failure('INVALID_OPTION'),
      );
    });

    it.each<[string, () => unknown]>([
      ['a record without a prototype', () => Object.create(null) as unknown],
      ['one that fails as text', () => ({ toString: fail, [Symbol.for('nodejs.util.inspect.custom')]: fail })],
      ['a revoked one', () => revoked({})],
      ['a revoked list', () => revoked([])],
      ['a symbol', () => Symbol('x')],
    ])('is no option: %s', (_, make) => {
      const value = make();
      const names = [
        'tableName',
        'sidName',
        'timestamps',
        'gcFrequency',
        'timeout',
        'onError',
        'onConflict',
        'schemas',
      ];
      for (const name of [...names, 'maxSessionBytes', 'codec', 'filename']) {
        expect(() => new KnexSessionStore(knex(), { [name]: value } as never)).toThrow(
          failure('INVALID_OPTION') as Error,
        );
      }
      const field = (given: object) => [{ name: 'x', type: 'string', ...given }];
      const fields = [
        [value],
        ...['name', 'type', 'args', 'extra', 'from', 'index'].map((key) => field({ [key]: value })),
      ];
      for (const schemas of [...fields, [{ name: 'x', type: 'enum', args: [value] }]]) {
        expect(() => new KnexSessionStore(knex(), { schemas } as never)).toThrow(failure('INVALID_OPTION') as Error);
      }
      for (const key of ['maxSize', 'concurrency', 'prepare']) {
        expect(() => new KnexSessionStore(knex(), { batch: { [key]: value } } as never)).toThrow(
          failure('INVALID_OPTION') as Error,
        );
      }
    });

    it('is no record of options', () => {
      for (const options of [
        revoked({}),
        revoked([]),
        failing('ownKeys'),
        Object.defineProperty({}, 'sync', { enumerable: true, get: fail }),
      ]) {
        expect(() => new KnexSessionStore(knex(), options as never)).toThrow(failure('INVALID_OPTION') as Error);
      }
    });

    it('is looked at once: the name that was checked is the name that is used', () => {
      let reads = 0;
      const field = {
        type: 'string',
        get name() {
          return reads++ === 0 ? 'fine' : 'a` text, `b';
        },
      };
      const made = new KnexSessionStore(knex(), { tableName: 'kss_looked_at', sync: false, schemas: [field as never] });
      expect(made.repo().select('*').toQuery()).toBe('select * from `kss_looked_at`');
      expect(reads).toBe(1);
      return made.close();
    });
  },
  ['sqlite'],
);

describe('a callback that is none', () => {
  it('is not called, and leaves no rejection that nobody hears', async () => {
    const left: unknown[] = [];
    const note = (reason: unknown) => left.push(reason);
    process.on('unhandledRejection', note);
    expect(await settle(Promise.resolve(1), 'callback' as never)).toBe(1);
    await expect(settle(Promise.reject(new Error('x')), {} as never)).rejects.toThrow('x');
    await new Promise((resolve) => setTimeout(resolve, 10));
    process.removeListener('unhandledRejection', note);
    expect(left).toStrictEqual([]);
  });
});
