import type { Knex } from 'knex';
import { columnValue } from './column-types.js';
import { bindField } from './dialect/index.js';
import { KssError } from './errors.js';
import { hush, listOf } from './foreign.js';
import type { Field, Layout } from './layout.js';
import { unknownName } from './options.js';
import type { Place } from './place.js';

// SQLite's expressions are 1,000 deep at most.
const MOST_VALUES = 500;

/** Narrows a query to the sessions that are meant. */
export type Narrow = (query: Knex.QueryBuilder) => void;

/**
 * What a `where` means, checked at once: a criterion that says nothing must end nobody's session.
 *
 * @throws KssError EMPTY_CRITERIA, INVALID_OPTION, COLUMN_VALUE
 */
export function criteria(where: unknown, place: Place): Narrow {
  if (typeof where === 'function') return callbackCriteria(where as (query: Knex.QueryBuilder) => unknown, place.knex);
  if (typeof where !== 'object' || where === null || listOf(where)) {
    throw empty('is neither a record of schema columns nor a callback; to end every session call clear()');
  }
  const entries = entriesOf(where);
  if (entries.length === 0) throw empty('has no column');
  const conditions = entries.map(([name, value]) => columnCriteria(fieldNamed(name, place.layout), value, place));
  return (query) => {
    for (const condition of conditions) query.where(condition);
  };
}

function entriesOf(where: object): [string, unknown][] {
  try {
    return Object.entries(where);
  } catch (cause) {
    throw new KssError('INVALID_OPTION', 'The criteria cannot be read.', { cause });
  }
}

/** The error for a criterion that says nothing. */
export function empty(what: string): KssError {
  return new KssError(
    'EMPTY_CRITERIA',
    `The criteria would mean more sessions than anybody meant: what was given ${what}.`,
  );
}

function columnCriteria(field: Field, value: unknown, { dialect, quote }: Place): Narrow {
  const values = listOf(value) ?? [value];
  if (values.length === 0) throw empty(`for '${field.name}' is an empty array`);
  if (values.length > MOST_VALUES) {
    throw new KssError(
      'INVALID_OPTION',
      `The criteria name ${values.length} values for '${field.name}'; at most ${MOST_VALUES} go.`,
    );
  }
  if (values.includes(undefined)) throw empty(`for '${field.name}' is undefined`);
  const column = quote(field.name);
  const conditions = values.map((one) => {
    if (one === null) return { sql: `${column} is null`, bindings: [] };
    const bound = bindField(dialect, field, one);
    if (bound !== null) return dialect.equals(field.type, column, bound);
    throw columnValue(field.name, field.type, 'is one that the column cannot tell from NULL, so it cannot be searched');
  });
  return (query) => {
    query.where((any) => {
      for (const { sql, bindings } of conditions) any.orWhereRaw(sql, bindings as Knex.RawBinding[]);
    });
  };
}

function fieldNamed(name: string, { fields }: Layout): Field {
  const field = fields.find((candidate) => candidate.name === name);
  if (field === undefined)
    throw unknownName(
      name,
      fields.map((candidate) => candidate.name),
      'schema column',
    );
  if (field.type === 'json' || field.type === 'jsonb') {
    throw new KssError(
      'INVALID_OPTION',
      `'${name}' is a JSON column and has no equality; search it through a callback.`,
    );
  }
  return field;
}

/**
 * Runs the callback once, on a builder of its own, and compiles nothing but its conditions: whatever it does besides (an
 * order, a limit, a group that stays empty, a second run that adds nothing) cannot widen the query.
 */
function callbackCriteria(callback: (query: Knex.QueryBuilder) => unknown, knex: Knex): Narrow {
  const own = knex.queryBuilder();
  const { sql, bindings } = compiled(knex, () => {
    const returned = callback(own);
    if (returned instanceof Promise) {
      hush(returned);
      throw new Error('The callback is asynchronous: its later conditions would come too late.');
    }
    return own;
  });
  const [, condition] = /^select \* where (.+)$/s.exec(sql) ?? [];
  if (condition === undefined || EMPTY_GROUP.test(condition)) throw empty('is a callback that adds no condition');
  return (query) => {
    query.whereRaw(`(${condition})`, bindings as Knex.RawBinding[]);
  };
}

const EMPTY_GROUP = /^\s*(not\s*)?\(?\s*\)?\s*$/;

function compiled(knex: Knex, make: () => Knex.QueryBuilder): Knex.Sql {
  try {
    const only = knex.queryBuilder();
    const conditions = clausesOf(make()).filter(({ grouping }) => grouping === 'where');
    clausesOf(only).push(...conditions);
    return only.toSQL();
  } catch (cause) {
    if (cause instanceof Error && cause.message.startsWith('Undefined binding')) throw empty('compares with undefined');
    throw new KssError('INVALID_OPTION', 'The callback of the criteria failed.', { cause });
  }
}

/** knex keeps the clauses of a builder there; the tests would see it go. */
function clausesOf(query: Knex.QueryBuilder): { grouping: string }[] {
  return (query as unknown as { _statements: { grouping: string }[] })._statements;
}
