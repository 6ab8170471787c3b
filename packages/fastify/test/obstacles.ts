import { onTestFinished, vi } from 'vitest';
import type { Stack } from './stacks.js';

/** A place where a handler stops until the test lets it go on. */
export class Gate {
  readonly reached: Promise<void>;
  readonly #opened: Promise<void>;
  #reach: () => void = () => {};
  #open: () => void = () => {};

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  /** For the handler: says that it is here, and waits. */
  pass(): Promise<void> {
    this.#reach();
    return this.#opened;
  }

  open(): void {
    this.#open();
  }
}

/** What would have ended the process, from now until the test is over. */
export function recordFaults(): readonly unknown[] {
  const faults: unknown[] = [];
  const record = (error: unknown) => faults.push(error);
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    const others = process.rawListeners(event) as NodeJS.UncaughtExceptionListener[];
    process.removeAllListeners(event).on(event, record);
    onTestFinished(() => {
      process.removeListener(event, record);
      for (const other of others) process.on(event, other);
    });
  }
  return faults;
}

/** Waits until an assertion holds. */
export function until(assertion: () => unknown): Promise<void> {
  return vi.waitFor(async () => void (await assertion()), { timeout: 15_000, interval: 20 });
}

/** Time in which something wrong could still happen, such as a rejection that nobody handles. */
export function aWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}

/**
 * Has SQLite refuse a kind of statement on the table, by a trigger.
 *
 * @returns what ends it
 */
export async function refuse(
  { knex, table }: Stack,
  statement: 'insert' | 'update' | 'delete',
): Promise<() => Promise<void>> {
  const name = `${table}_refuses_${statement}`;
  await knex().raw(`create trigger ${name} before ${statement} on ${table} begin select raise(abort, 'refused'); end`);
  return async () => {
    await knex().raw(`drop trigger ${name}`);
  };
}
