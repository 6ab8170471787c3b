import { onTestFinished, vi } from 'vitest';
import type { Place } from './stacks.js';

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

  /** The options of a request whose body begins at once and ends when the gate is open. */
  slowBody(): RequestInit {
    const opened = this.#opened.promise;
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(Buffer.from('first'));
        await opened;
        controller.enqueue(Buffer.from('last'));
        controller.close();
      },
    });
    return { method: 'POST', body, duplex: 'half' };
  }
}

/**
 * Takes the table away, so that every statement of the store fails.
 *
 * @returns what brings it back
 */
export async function takeAway({ knex, table }: Place): Promise<() => Promise<void>> {
  const away = `${table}_away`;
  await knex().schema.dropTableIfExists(away);
  await knex().schema.renameTable(table, away);
  onTestFinished(async () => void (await knex().schema.dropTableIfExists(away)));
  return async () => void (await knex().schema.renameTable(away, table));
}

/** What would have ended the process. */
export interface Fault {
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

/** Time in which something wrong could happen, such as a rejection that nobody handles. */
export function aWhile(ms = 50): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
