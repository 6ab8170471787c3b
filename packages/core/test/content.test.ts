import { afterEach, expect, it, vi } from 'vitest';
import { ALIAS, layoutOf } from '../src/layout.js';
import { resolveOptions } from '../src/options.js';
import { storedRow } from '../src/requests.js';
import { ReadRevision } from '../src/revision.js';
import type { LayoutName } from '../src/types.js';

const layoutFor = (layout: LayoutName) => layoutOf(resolveOptions({ layout }));
const rowOf = (layout: LayoutName, text: string | null) =>
  storedRow('key', { [ALIAS.expireAt]: 1, [ALIAS.additional]: text }, layoutFor(layout));

afterEach(() => {
  vi.restoreAllMocks();
});

it('a read takes the text of a row apart for its token only when that is asked for, and once', () => {
  const parse = vi.spyOn(JSON, 'parse');
  const row = rowOf('connect-session-knex', '{"b":1,"a":2}');
  const revision = new ReadRevision(row, layoutFor('connect-session-knex'));
  expect(parse).not.toHaveBeenCalled();
  expect(revision.token).toBe(row.token);
  expect(parse).toHaveBeenCalledTimes(1);
});

it('text in the order of the database has the same token where the column is JSON, and no other column', () => {
  const tokens = (layout: LayoutName) => ['{"b":1,"a":2}', '{"a": 2, "b": 1}'].map((text) => rowOf(layout, text).token);
  expect(new Set(tokens('connect-session-knex')).size).toBe(1);
  expect(new Set(tokens('koa-generic-session-knex')).size).toBe(2);
});
