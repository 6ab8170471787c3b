import { EventEmitter } from 'node:events';
import { KnexSessionStore } from '@kss/core';
import { describeDatabases } from '@kss/test-kit';
import genericSession from 'koa-generic-session';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { KoaMinimalSessionStore, KoaSessionStore } from '../src/index.js';
import { aWhile, recordFaults, until } from './obstacles.js';
import { EVERYWHERE, onlyRow, rowsOf } from './stacks.js';

const TABLE = 'koa_store';
const DAY = 86_400_000;
const LAST_INSTANT = 8_640_000_000_000_000;

describeDatabases(
  'the stores',
  (_, knex) => {
    const place = { knex, table: TABLE };
    beforeEach(() => knex().schema.dropTableIfExists(TABLE));

    function coreWith(options: { onError?: (error: Error) => void; sync?: boolean } = {}) {
      const core = new KnexSessionStore(knex(), { ...options, tableName: TABLE });
      onTestFinished(async () => {
        await core.close();
        await knex().schema.dropTableIfExists(TABLE);
      });
      return core;
    }

    describe.each([
      ['KoaSessionStore', KoaSessionStore],
      ['KoaMinimalSessionStore', KoaMinimalSessionStore],
    ])('%s', (_name, Store) => {
      it('keeps, gives back and ends a session', async () => {
        const store = new Store(coreWith());
        expect(await store.get('a-sid')).toBeUndefined();
        expect(await store.set('a-sid', { user: 'ada', deep: [1, null] }, DAY)).toBeUndefined();
        expect(await store.get('a-sid')).toEqual({ user: 'ada', deep: [1, null] });
        expect(await store.get('A-sid')).toBeUndefined();
        expect(await store.destroy('a-sid')).toBeUndefined();
        expect(await store.get('a-sid')).toBeUndefined();
        expect(await store.destroy('a-sid')).toBeUndefined();
      });

      it('gives a fresh object each time', async () => {
        const store = new Store(coreWith());
        await store.set('a-sid', { deep: { n: 1 } });
        const [one, two] = await Promise.all([store.get('a-sid'), store.get('a-sid')]);
        expect(one).toEqual(two);
        expect(one).not.toBe(two);
        expect(Object.isFrozen(one)).toBe(false);
        Object.assign(one ?? {}, { deep: 'changed' });
        expect(await store.get('a-sid')).toEqual({ deep: { n: 1 } });
      });

      it.each([
        ['a number', 5000, 5000],
        ['a fraction', 4999.5, 5000],
        ['undefined', undefined, DAY],
        ['null', null, DAY],
        ['0', 0, DAY],
        ['NaN', Number.NaN, DAY],
        ["'session'", 'session', DAY],
        ["'1d'", '1d', DAY],
        ['a function', () => 5000, DAY],
      ])('K17: a ttl that is %s', async (_, ttl, ms) => {
        const store = new Store(coreWith());
        const before = Date.now();
        await store.set('a-sid', { user: 'ada' }, ttl);
        const { expire_at } = await onlyRow(place);
        expect(expire_at).toBeGreaterThanOrEqual(before + ms);
        expect(expire_at).toBeLessThanOrEqual(Date.now() + ms);
        expect(await store.get('a-sid')).toEqual({ user: 'ada' });
      });

      it('a ttl without an end, and one that is over', async () => {
        const store = new Store(coreWith());
        await store.set('a-sid', { user: 'ada' }, Number.POSITIVE_INFINITY);
        expect((await onlyRow(place)).expire_at).toBe(LAST_INSTANT);
        expect(await store.get('a-sid')).toEqual({ user: 'ada' });
        await store.set('a-sid', { user: 'ada' }, -5);
        expect((await onlyRow(place)).expire_at).toBeLessThan(Date.now());
        expect(await store.get('a-sid')).toBeUndefined();
      });

      it('G17: is an EventEmitter that emits nothing', async () => {
        const store = new Store(coreWith({ onError: () => {} }));
        const emit = vi.spyOn(store, 'emit');
        expect(store).toBeInstanceOf(EventEmitter);
        for (const event of ['connect', 'disconnect']) store.on(event, () => {});
        await store.set('a-sid', { user: 'ada' });
        await store.get('a-sid');
        await store.destroy('a-sid');
        await store.get('a-sid\ud800').catch(() => {});
        await store.set('a-sid', { n: 1n }).catch(() => {});
        await aWhile();
        expect(emit).not.toHaveBeenCalled();
      });

      it('G14: reads that fail together reject with an error each, since a middleware writes on it', async () => {
        const store = new Store(coreWith({ sync: false })); // and there is no table
        const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => store.get('a-sid')));
        const reasons = outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason);
        expect(reasons).toEqual(Array(5).fill(expect.objectContaining({ code: 'DATABASE' })));
        expect(new Set(reasons).size).toBe(5);
      });

      it('a get rejects for a sid that is none', async () => {
        const store = new Store(coreWith());
        for (const sid of ['', 'a\ud800', ['a'], { sid: 'a' }, null, 1] as string[]) {
          await expect(store.get(sid)).rejects.toMatchObject({ code: 'INVALID_SID' });
        }
      });

      it('never throws at once', async () => {
        const core = coreWith({ onError: () => {} });
        const store = new Store(core);
        const sids = [Symbol('no sid'), {}, 1n] as unknown as string[];
        const sessions = [undefined, null, 'text', 1, []] as unknown as object[];
        const calls = [
          ...sids.flatMap((sid) => [store.get(sid), store.set(sid, {}, 1), store.destroy(sid)]),
          ...sessions.map((session) => store.set('a-sid', session, 1)),
        ];
        for (const call of calls) expect(call).toBeInstanceOf(Promise);
        await Promise.allSettled(calls);
        await core.waitForSync();
        expect(await rowsOf(place)).toEqual([]);
      });
    });

    it('one KoaSessionStore serves many middleware without a warning', async () => {
      const warnings: Error[] = [];
      const warn = (warning: Error) => warnings.push(warning);
      process.on('warning', warn);
      onTestFinished(() => void process.off('warning', warn));
      const store = new KoaSessionStore(coreWith());
      for (let made = 0; made < 20; made++) genericSession({ store });
      await aWhile();
      expect(warnings).toEqual([]);
    });

    it('a set or destroy of KoaSessionStore rejects, with what to do', async () => {
      const store = new KoaSessionStore(coreWith());
      await expect(store.set('', {})).rejects.toMatchObject({ code: 'INVALID_SID' });
      await expect(store.destroy('')).rejects.toMatchObject({ code: 'INVALID_SID' });
      await expect(store.set('a-sid', { n: 1n })).rejects.toMatchObject({ code: 'UNSERIALIZABLE' });
    });

    it('a set or destroy of KoaMinimalSessionStore tells onError, and nobody has to wait for it', async () => {
      const faults = recordFaults();
      const heard: unknown[] = [];
      const store = new KoaMinimalSessionStore(
        coreWith({ onError: (error) => heard.push((error as { code?: string }).code) }),
      );
      void store.set('', {});
      void store.destroy('');
      void store.set('a-sid', { n: 1n });
      await until(() => expect(heard).toEqual(['INVALID_SID', 'INVALID_SID', 'UNSERIALIZABLE']));
      await aWhile();
      expect(faults).toEqual([]);
    });

    it('a row that cannot be read is gone for KoaSessionStore, and rejects in KoaMinimalSessionStore', async () => {
      const heard: unknown[] = [];
      const core = coreWith({ onError: (error) => heard.push(error) });
      await core.set('a-sid', { user: 'ada' });
      await knex()(TABLE).update({ additional: '{broken' });
      expect(await new KoaSessionStore(core).get('a-sid')).toBeUndefined();
      expect(heard).toEqual([expect.objectContaining({ code: 'UNREADABLE_ROW' })]);
      await expect(new KoaMinimalSessionStore(core).get('a-sid')).rejects.toMatchObject({ code: 'UNREADABLE_ROW' });
    });
  },
  EVERYWHERE,
);
