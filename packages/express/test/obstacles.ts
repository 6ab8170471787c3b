import type { DatabaseName } from '@kss/test-kit';
import { onTestFinished, vi } from 'vitest';
import type { Stack } from './stacks.js';

/** A place where a handler stops until the test lets it go on. */
export class Gate {
  readonly #reached = deferred();
  readonly #opened = deferred();

  /** For the handler: stops here. */
  pass(): Promise<void> {
    this.#reached.resolve();
    return this.#opened.promise;
  }

  /** Resolves when the handler is here. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  open(): void {
    this.#opened.resolve();
  }
}

/**
 * Has the database refuse a kind of statement on the table, by a trigger.
 *
 * @returns what ends it
 */
export async function refuse(
  { database, knex, table }: Stack,
  statement: 'insert' | 'update' | 'delete',
): Promise<() => Promise<void>> {
  const name = `${table}_refuse`;
  const on = `create trigger ${name} before ${statement} on ${table}`;
  const triggers: Readonly<Partial<Record<DatabaseName, readonly [make: string[], end: string[]]>>> = {
    sqlite: [[`${on} begin select raise(abort, 'refused by a trigger'); end`], [`drop trigger ${name}`]],
    mariadb: mysqlTrigger(name, on),
    mysql: mysqlTrigger(name, on),
    postgres: postgresTrigger(name, on, table),
    pglite: postgresTrigger(name, on, table),
  };
  const trigger = triggers[database.name];
  if (trigger === undefined) throw new Error(`This test does not know how ${database.name} refuses a statement.`);
  const [make, end] = trigger;
  for (const sql of make) await knex().raw(sql);
  let ended = false;
  const allow = async () => {
    if (ended) return;
    ended = true;
    for (const sql of end) await knex().raw(sql);
  };
  onTestFinished(allow);
  return allow;
}

function mysqlTrigger(name: string, on: string): [string[], string[]] {
  return [
    [`${on} for each row signal sqlstate '45000' set message_text = 'refused by a trigger'`],
    [`drop trigger ${name}`],
  ];
}

function postgresTrigger(name: string, on: string, table: string): [string[], string[]] {
  return [
    [
      `create or replace function ${name}() returns trigger language plpgsql as $$ begin raise exception 'refused by a trigger'; end $$`,
      `${on} for each row execute function ${name}()`,
    ],
    [`drop trigger ${name} on ${table}`, `drop function ${name}()`],
  ];
}

/**
 * Holds up writes of one row, by a transaction that locks it. Where the pool has one connection, that one is taken.
 *
 * @returns what ends it
 */
export async function holdRow({ knex, table }: Stack, sid: string): Promise<() => Promise<void>> {
  const trx = await knex().transaction();
  await trx(table).where({ sid }).forUpdate().first('sid');
  const release = async () => {
    if (!trx.isCompleted()) await trx.rollback();
  };
  onTestFinished(release);
  return release;
}

/** What would have ended the process. */
interface Fault {
  readonly event: 'uncaughtException' | 'unhandledRejection';
  readonly error: unknown;
}

/** Records what would have ended the process, from now until the test is over. */
export function recordFaults(): readonly Fault[] {
  const faults: Fault[] = [];
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    const listeners = process.rawListeners(event) as NodeJS.UncaughtExceptionListener[];
    const record = (error: unknown) => faults.push({ event, error });
    process.removeAllListeners(event);
    process.on(event, record);
    onTestFinished(() => {
      process.removeListener(event, record);
      for (const listener of listeners) process.on(event, listener);
    });
  }
  return faults;
}

/** Waits for a condition; the time is generous because machines are slow. */
export function until(assertion: () => unknown): Promise<void> {
  return vi.waitFor(async () => void (await assertion()), { timeout: 15_000, interval: 20 });
}

/** Time in which something wrong could happen: a late callback, a rejection. */
export function aWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
